/** {@link Store} over a JSON file. A document is small, so both methods are synchronous: nothing happens in between. */
import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Store } from '../env/store.ts';
import { WeftError } from '../errors.ts';

/** What is appended to the name of a file that is being written. One left behind by a crash is replaced by the next save. */
export const TEMPORARY_SUFFIX = '.tmp';

export class FileStore implements Store {
  readonly #path: string;

  /** @param path of the file. Its directory is made by the first save, for its owner alone. */
  constructor(path: string) {
    this.#path = path;
  }

  /** A corrupt file is never taken for an empty one: that would give its leases away a second time. */
  load(): unknown {
    let text: string;
    try {
      text = readFileSync(this.#path, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw this.#unreadable(error as Error);
    }
    try {
      return JSON.parse(text) as unknown;
    } catch (error) {
      throw this.#corrupt(error);
    }
  }

  /** @throws {WeftError} `store-failed`: the disk is full, or read-only. The file is then as it was. */
  save(document: unknown): void {
    try {
      this.#replace(document);
    } catch (error) {
      const why = (error as Error).message;
      throw new WeftError('store-failed', `${this.#path} cannot be saved: ${why}`, { path: this.#path }, error);
    }
  }

  #replace(document: unknown): void {
    const directory = dirname(this.#path);
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const temporary = `${this.#path}${TEMPORARY_SUFFIX}`;
    const file = openSync(temporary, 'w', 0o600);
    try {
      try {
        writeFileSync(file, `${JSON.stringify(document, undefined, 2)}\n`);
        // Before the rename: else a crash could leave the new name on an empty file.
        fsyncSync(file);
      } finally {
        closeSync(file);
      }
      renameSync(temporary, this.#path);
    } catch (error) {
      // A part of a document helps nobody, and takes room on a disk that has none.
      rmSync(temporary, { force: true });
      throw error;
    }
    syncDirectory(directory);
  }

  /** The disk or its permissions are at fault: what the file says may be as it should be. */
  #unreadable(cause: Error): WeftError {
    const advice = 'make it readable; a disk with errors is said in the log of the kernel (dmesg)';
    const message = `${this.#path} cannot be read (${cause.message}): ${advice}`;
    return new WeftError('store-corrupt', message, { path: this.#path }, cause);
  }

  #corrupt(cause: unknown): WeftError {
    const why = cause instanceof Error ? cause.message : String(cause);
    return new WeftError(
      'store-corrupt',
      `${this.#path} cannot be read (${why}): restore it from a backup, or run "weft reset" to give up what it records`,
      { path: this.#path },
      cause,
    );
  }
}

function syncDirectory(path: string): void {
  const directory = openSync(path, 'r');
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}
