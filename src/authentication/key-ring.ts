/** The keys that a node holds: one primary to seal with, all of them to open with. */
import type { Cipher } from '../env/cipher.ts';
import type { ClusterKey } from './cluster-key.ts';
import { encodeKeyOrder, isKeySubject, overrulesOrder, type CarriedOrder, type KeyOrder } from './key-order.ts';
import { resolveKeys } from './resolve-keys.ts';
import type { ClusterKeys } from './sealed-gossip.ts';

/** Most keys that a node holds at one time: it announces their ids. */
export const MAX_KEYS = 8;

/** Orders that a ring knows, to be kept over a restart. */
export interface KnownOrders {
  /** One for each subject: those that count. */
  readonly orders: readonly CarriedOrder[];
  /** One for each subject: a key file came after them, so they do not count, nor what is older than they are. */
  readonly outdated: readonly CarriedOrder[];
}

/** What a ring is. */
export interface KeyRingState extends KnownOrders {
  /** Of the key file, at least one. */
  readonly keys: readonly ClusterKey[];
}

/**
 * Begins with the keys of a file, and follows orders. Which keys are held depends on the file and on the orders that are
 * known, and on nothing else: orders may come in any sequence and any number of times, from several operators who know
 * nothing of each other, and whoever knows the same orders holds the same keys. See {@link resolveKeys}.
 */
export class KeyRing implements ClusterKeys {
  readonly #cipher: Cipher;
  #file: readonly ClusterKey[];
  /** By subject. */
  readonly #orders = new Map<string, CarriedOrder>();
  readonly #outdated = new Map<string, CarriedOrder>();
  /** By id; the primary is first. */
  #keys: ReadonlyMap<string, ClusterKey> = new Map();
  #removed: ReadonlyMap<string, ClusterKey> = new Map();
  #isAnnounced: (id: string) => boolean = () => false;

  /** @throws RangeError unless there are 1 to {@link MAX_KEYS} different keys */
  constructor(cipher: Cipher, { keys, orders, outdated }: KeyRingState) {
    this.#cipher = cipher;
    this.#file = checkedKeys(keys);
    for (const order of outdated) this.#outdated.set(order.subject, order);
    for (const order of orders) this.#take(order);
    this.#resolve();
  }

  get primary(): ClusterKey {
    return this.#keys.values().next().value!;
  }

  get all(): readonly ClusterKey[] {
    return [...this.#keys.values(), ...[...this.#removed.values()].filter(({ id }) => this.#isAnnounced(id))];
  }

  /** Ids of all keys, the primary's first. What a node announces. */
  get ids(): readonly string[] {
    return [...this.#keys.keys()];
  }

  find(id: string): ClusterKey | undefined {
    const held = this.#keys.get(id);
    if (held !== undefined) return held;
    const removed = this.#removed.get(id);
    return removed !== undefined && this.#isAnnounced(id) ? removed : undefined;
  }

  /** Whether it is held, and was not removed. */
  holds(id: string): boolean {
    return this.#keys.has(id);
  }

  /**
   * Goes on to read with keys that were removed, as long as somebody says that he holds them: he has not heard of it, and
   * is to. Two operators may each have removed the key that the other took for the one that all write with.
   *
   * @param isAnnounced whether a node that is known announces this key. Asked for removed keys only.
   */
  keepWhile(isAnnounced: (id: string) => boolean): void {
    this.#isAnnounced = isAnnounced;
  }

  /** What to keep over a restart, beside the keys of the file. */
  known(): KnownOrders {
    return { orders: [...this.#orders.values()], outdated: [...this.#outdated.values()] };
  }

  /** Takes orders. Whether other keys are held then, or another is the primary. */
  follow(orders: readonly CarriedOrder[]): boolean {
    const news = orders.filter((order) => this.#take(order));
    if (news.length === 0) return false;
    const before = this.ids.join();
    this.#resolve();
    return this.ids.join() !== before;
  }

  /**
   * Holds exactly `keys` from now on, the first as the primary, as a key file says. Orders that are known by now have no
   * effect any more: what is in the file is newer.
   *
   * @returns subjects of orders that nobody proved who holds a key of these: to be forgotten.
   * @throws RangeError as the constructor
   */
  replace(keys: readonly ClusterKey[], orders: readonly CarriedOrder[]): readonly string[] {
    this.#file = checkedKeys(keys);
    const known = orders.filter(({ subject }) => isKeySubject(subject));
    const { proven } = resolveKeys(this.#cipher, this.#file, known);
    this.#orders.clear();
    this.#outdated.clear();
    for (const order of proven) this.#outdated.set(order.subject, order);
    this.#resolve();
    return known.flatMap((order) => (proven.has(order) ? [] : [order.subject]));
  }

  /** Subject and content of an order of this node. */
  encode(order: KeyOrder): { readonly subject: string; readonly content: Uint8Array } {
    const provers = new Set([this.primary, ...this.#file, ...this.#keys.values()]);
    return encodeKeyOrder(this.#cipher, order, ...provers);
  }

  /** Whether it is news. */
  #take(order: CarriedOrder): boolean {
    const { subject } = order;
    if (!isKeySubject(subject)) return false;
    const known = this.#orders.get(subject) ?? this.#outdated.get(subject);
    if (known !== undefined && !overrulesOrder(order, known)) return false;
    this.#orders.set(subject, order);
    return true;
  }

  #resolve(): void {
    const { keys, removed } = resolveKeys(this.#cipher, this.#file, [...this.#orders.values()]);
    this.#keys = byId(keys.slice(0, MAX_KEYS));
    this.#removed = byId(removed);
  }
}

function byId(keys: readonly ClusterKey[]): ReadonlyMap<string, ClusterKey> {
  return new Map(keys.map((key) => [key.id, key]));
}

function checkedKeys(keys: readonly ClusterKey[]): readonly ClusterKey[] {
  if (new Set(keys.map(({ id }) => id)).size !== keys.length) {
    throw new RangeError('the same key stands in a ring twice');
  }
  if (keys.length < 1 || keys.length > MAX_KEYS) {
    throw new RangeError(`a ring has 1 to ${MAX_KEYS} keys, not ${keys.length}`);
  }
  return keys;
}
