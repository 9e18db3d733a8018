/** Which keys a node holds, given those of its key file and the orders that it knows. */
import type { Cipher } from '../env/cipher.ts';
import type { ClusterKey } from './cluster-key.ts';
import { parseKeyOrder, type CarriedOrder, type KeyOrder } from './key-order.ts';

export interface ResolvedKeys {
  /** At least one; the first is the primary. */
  readonly keys: readonly ClusterKey[];
  /** Those that are held no more. */
  readonly removed: readonly ClusterKey[];
  /** Orders of which it is proven that their author held a key of this cluster. */
  readonly proven: ReadonlySet<CarriedOrder>;
}

/**
 * - An order counts if a key of the file proves it, or a key that such an order added, and so on. A key that was removed
 *   still proves what was ordered while it was there.
 * - A key is held if it is in the file or was added, unless it was removed since. Between an order to add and an order to
 *   remove, the higher version counts; the removal, if both have the same.
 * - The primary is the key that is to be used. If that is not held, as somebody removed it at the same time, the order has
 *   no effect: then it is the first that is held, in the sequence of the file and then of the orders to add.
 * - If no key were left, the removal of one has no effect: of the one that is to be used, or else of the first.
 *
 * Chosen: a function of the file and the orders. Instead of: orders that are carried out one by one, as they come. Because:
 * of two orders that exclude each other (use a key, remove it) each node would carry out the one that it heard first.
 * Chosen: the removal wins. Instead of: the use. Because: a removed key never comes back unless somebody adds it again.
 *
 * @param file keys of the file: at least one
 * @param orders one for each subject
 */
export function resolveKeys(
  cipher: Cipher,
  file: readonly ClusterKey[],
  orders: readonly CarriedOrder[],
): ResolvedKeys {
  const { proven, keys } = prove(cipher, file, [...orders].sort(compareOrders));
  const added = new Map<string, number>();
  const removed = new Map<string, number>();
  let used: string | undefined;
  for (const [{ version }, order] of proven) {
    if (order.kind === 'add') added.set(order.key.id, version);
    else if (order.kind === 'remove') removed.set(order.id, version);
    else used = order.id;
  }
  const isHeld = ({ id }: ClusterKey): boolean => !removed.has(id) || (added.get(id) ?? 0) > removed.get(id)!;
  const known = [...keys.values()];
  const held = known.filter(isHeld);
  const candidates = held.length > 0 ? held : known;
  const primary = candidates.find(({ id }) => id === used) ?? candidates[0]!;
  return {
    keys: [primary, ...held.filter((key) => key !== primary)],
    removed: known.filter((key) => key !== primary && !held.includes(key)),
    proven: new Set(proven.keys()),
  };
}

/** The orders that are proven, and all keys that are known from the file and from them, those of the file first. */
function prove(
  cipher: Cipher,
  file: readonly ClusterKey[],
  orders: readonly CarriedOrder[],
): { readonly proven: ReadonlyMap<CarriedOrder, KeyOrder>; readonly keys: ReadonlyMap<string, ClusterKey> } {
  const proven = new Map<CarriedOrder, KeyOrder>();
  const known = new Map(file.map((key) => [key.id, key]));
  // An order may prove by a key that was added again since: its own order is a later one then.
  for (let hasProgress = true; hasProgress;) {
    hasProgress = false;
    for (const carried of orders) {
      if (proven.has(carried)) continue;
      const order = parseKeyOrder(cipher, carried, (id) => known.get(id));
      if (order === undefined) continue;
      proven.set(carried, order);
      if (order.kind === 'add' && !known.has(order.key.id)) known.set(order.key.id, order.key);
      hasProgress = true;
    }
  }
  // In the sequence of the orders, however they came to be proven.
  const added = orders.flatMap((carried) => {
    const order = proven.get(carried);
    return order?.kind === 'add' ? [order.key] : [];
  });
  return { proven, keys: new Map([...file, ...added].map((key) => [key.id, key])) };
}

function compareOrders(a: CarriedOrder, b: CarriedOrder): number {
  return a.version - b.version || (a.subject < b.subject ? -1 : 1);
}
