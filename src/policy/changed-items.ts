/** Which items are not as they were when somebody took them last. */
import { compareTexts } from './policy.ts';

export interface ItemChange<Item> {
  readonly changed: readonly Item[];
  readonly gone: readonly string[];
}

export interface ChangedItemsOptions<Item> {
  /** As it is now; `undefined`: it is gone. */
  readonly read: (key: string) => Item | undefined;
  readonly isSame: (a: Item, b: Item) => boolean;
}

export class ChangedItems<Item> {
  readonly #options: ChangedItemsOptions<Item>;
  readonly #taken = new Map<string, Item>();
  readonly #touched = new Set<string>();

  constructor(options: ChangedItemsOptions<Item>) {
    this.#options = options;
  }

  /** This one may be another, new, or gone. */
  touch(key: string): void {
    this.#touched.add(key);
  }

  /** What is different since the last time, in order of the keys. */
  take(): ItemChange<Item> {
    const changed: Item[] = [];
    const gone: string[] = [];
    for (const key of [...this.#touched].sort(compareTexts)) {
      const before = this.#taken.get(key);
      const now = this.#options.read(key);
      if (now === undefined) {
        if (this.#taken.delete(key)) gone.push(key);
      } else if (before === undefined || !this.#options.isSame(before, now)) {
        this.#taken.set(key, now);
        changed.push(now);
      }
    }
    this.#touched.clear();
    return { changed, gone };
  }
}
