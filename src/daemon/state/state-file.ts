/**
 * One file of the state directory. A disk that is full or read-only does not lose what is to be stored: it is kept, and
 * stored when that can be done again.
 */
import type { PatientStore, Store } from '../../env/store.ts';
import type { SaveObserver, StoredFile } from './stored-file.ts';

export class StateFile implements PatientStore, StoredFile {
  readonly name: string;
  readonly #store: Store;
  readonly #observe: SaveObserver;
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
    return document;
  }

  save(document: unknown): void {
    try {
      this.#store.save(document);
    } catch (error) {
      this.#failure = error as Error;
      this.#observe(this, this.#failure);
      throw error;
    }
    this.#document = document;
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
}
