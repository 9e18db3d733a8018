/** What has a label, or asks for one, in a namespace: keys of pods, or of services. */
import type { Labels } from '../policy/cluster-facts.ts';

/**
 * Each label of `labels` as an entry of the index: `shop app=web`. Two that differ may look alike, since labels come from other nodes and may
 * have any characters: whoever looks something up compares the labels as well.
 */
export function labelEntries(namespace: string, labels: Labels): readonly string[] {
  return Object.entries(labels).map(([key, value]) => `${namespace} ${key}=${value}`);
}

const none: ReadonlySet<string> = new Set();

export class LabelIndex {
  readonly #keys = new Map<string, Set<string>>();

  /** @param entry as {@link labelEntries} gives it */
  add(entry: string, key: string): void {
    const keys = this.#keys.get(entry) ?? new Set();
    this.#keys.set(entry, keys.add(key));
  }

  delete(entry: string, key: string): void {
    const keys = this.#keys.get(entry);
    keys?.delete(key);
    if (keys?.size === 0) this.#keys.delete(entry);
  }

  keys(entry: string): ReadonlySet<string> {
    return this.#keys.get(entry) ?? none;
  }

  /** The one that the fewest have; of several, the first. @throws RangeError if there are no entries */
  rarest(entries: readonly string[]): string {
    const [first, ...others] = entries;
    if (first === undefined) throw new RangeError('no entries to choose from');
    return others.reduce((best, entry) => (this.keys(entry).size < this.keys(best).size ? entry : best), first);
  }
}
