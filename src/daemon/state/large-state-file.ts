/** A large file of the state directory, which is written while other work goes on. As in `state-file.ts`, a full disk loses nothing. */
import { WeftError } from '../../errors.ts';
import type { SaveObserver, StoredFile } from './stored-file.ts';

export interface LargeStateFileParts {
  readonly load: () => unknown;
  /** Replaces what is on the disk. */
  readonly replace: (texts: Iterable<string>) => Promise<void>;
  /** Is told how each write went. */
  readonly observe: SaveObserver;
}

export class LargeStateFile implements StoredFile {
  readonly name: string;
  readonly #parts: LargeStateFileParts;
  #texts: (() => Iterable<string>) | undefined;
  #turn: Promise<void> = Promise.resolve();

  constructor(name: string, parts: LargeStateFileParts) {
    this.name = name;
    this.#parts = parts;
  }

  /** As `Store.load`. */
  load(): unknown {
    return this.#parts.load();
  }

  /** Resolves when it is stored, or that has failed: then it is tried again. @param texts what is to be stored, when it is written */
  async keep(texts: () => Iterable<string>): Promise<void> {
    this.#texts = texts;
    // One after the other.
    this.#turn = this.#turn.then(async () => this.#write(texts));
    await this.#turn;
  }

  /** How that went is told later. */
  retry(): boolean {
    if (this.#texts !== undefined) void this.keep(this.#texts);
    return false;
  }

  async #write(texts: () => Iterable<string>): Promise<void> {
    const { replace, observe } = this.#parts;
    try {
      await replace(texts());
      observe(this, undefined);
    } catch (error) {
      const message = `${this.name} cannot be saved: ${(error as Error).message}`;
      observe(this, new WeftError('store-failed', message, { path: this.name }, error));
    }
  }
}
