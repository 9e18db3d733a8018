/** Orders about keys that a node knows, over a restart: `keys.json` in the state directory, for its owner alone. */
import type { CarriedOrder } from '../../authentication/key-order.ts';
import type { KnownOrders } from '../../authentication/key-ring.ts';
import type { PatientStore, Store } from '../../env/store.ts';
import { WeftError } from '../../errors.ts';

/** What is kept. The keys that an order adds are masked by those that stand before them; the first is in the key file. */
export interface StoredKeys extends KnownOrders {
  /** Of the key file that the orders follow. */
  readonly fingerprint: string;
}

/** Reads what was kept; `undefined` if nothing was. @throws WeftError `store-corrupt` */
export function loadKeys(store: Store): StoredKeys | undefined {
  const document = store.load();
  if (document === undefined) return undefined;
  const { fingerprint, ...known } = document as Partial<Record<keyof StoredKeys, unknown>>;
  const orders = parseOrders(known.orders);
  const outdated = parseOrders(known.outdated);
  if (typeof fingerprint !== 'string' || orders === undefined || outdated === undefined) {
    const message =
      'keys.json in the state directory is not a list of orders: delete it to begin with the key file again';
    throw new WeftError('store-corrupt', message);
  }
  return { fingerprint, orders, outdated };
}

/** Keeps what is known, from now on or as soon as it can be stored. */
export function keepKeys(store: PatientStore, { fingerprint, orders, outdated }: StoredKeys): void {
  store.keep({ fingerprint, orders: orders.map(storable), outdated: outdated.map(storable) });
}

function storable({ subject, version, content }: CarriedOrder): object {
  return { subject, version, content: Buffer.from(content).toString('base64') };
}

function parseOrders(value: unknown): readonly CarriedOrder[] | undefined {
  if (!Array.isArray(value)) return undefined;
  const orders = value.map(parseOrder).filter((order) => order !== undefined);
  return orders.length === value.length ? orders : undefined;
}

function parseOrder(value: unknown): CarriedOrder | undefined {
  const { subject, version, content } = (value ?? {}) as Partial<Record<keyof CarriedOrder, unknown>>;
  if (typeof subject !== 'string' || typeof content !== 'string' || !Number.isSafeInteger(version)) return undefined;
  return { subject, version: version as number, content: Uint8Array.from(Buffer.from(content, 'base64')) };
}
