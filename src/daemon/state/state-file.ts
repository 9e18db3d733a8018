/**
 * One file of the state directory. A disk that is full or read-only does not lose what is to be stored: it is kept, and
 * stored when that can be done again.
 */
import type { PatientStore, Store } from '../../env/store.ts';

/** How the last save went: the error, or `undefined`. */
export type SaveObserver = (file: StateFile, failure: Error | undefined) => void;

export class StateFile implements PatientStore {
  readonly name: string;
  readonly #store: Store;
  readonly #observe: SaveObserver;
  /** As JSON: what is on the disk, as far as this run knows. */
  #stored: string | undefined;
  /** As JSON: what a save that failed may have put in its place. */
  #attempted: string | undefined;
  /** What should be on the disk. */
  #document: unknown;
  #isBehind = false;
  #failure: Error | undefined;

  /** @param observe is told how each save went. */
  constructor(name: string, store: Store, observe: SaveObserver = () => {}) {
    this.name = name;
    this.#store = store;
    this.#observe = observe;
  }

  load(): unknown {
    const document = this.#store.load();
    this.#document = document;
    this.#stored = JSON.stringify(document);
    return document;
  }

  save(document: unknown): void {
    const text = JSON.stringify(document);
    try {
      this.#store.save(document);
    } catch (error) {
      this.#attempted = text;
      this.#failure = error as Error;
      this.#observe(this, this.#failure);
      throw error;
    }
    this.#document = document;
    this.#stored = text;
    this.#attempted = undefined;
    this.#isBehind = false;
    this.#failure = undefined;
    this.#observe(this, undefined);
  }

  keep(document: unknown): void {
    this.#document = document;
    try {
      this.save(document);
    } catch {
      // Whoever observes was told. What was refused before is not what counts: this is.
      this.#isBehind = true;
    }
  }

  /** Stores what should be there once more: whether that can be done again. */
  retry(): boolean {
    if (this.#document === undefined) return false;
    try {
      this.save(this.#document);
      return true;
    } catch {
      return false;
    }
  }

  get behind(): string | undefined {
    return this.#isBehind ? this.#failure?.message : undefined;
  }

  damage(): string | undefined {
    try {
      const stored = this.#store.load();
      if (stored === undefined && this.#stored !== undefined) return `${this.name} is gone from the state directory`;
      const text = JSON.stringify(stored);
      return text === this.#stored || text === this.#attempted
        ? undefined
        : `${this.name} in the state directory is not what this daemon stored: somebody changed it`;
    } catch (error) {
      const why = error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error);
      return `${this.name} in the state directory cannot be read: ${why}`;
    }
  }
}
