/**
 * {@link JournalDisk} over a directory. A file is open only from a write until it is on the disk, or until the write fails: the file
 * system can be made read-only, or be unmounted, in between.
 */
import {
  closeSync,
  constants,
  fdatasyncSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import type { JournalDisk, JournalFile } from '../env/journal-disk.ts';

/** Each character is one byte. */
const ENCODING = 'latin1';

export class JournalDirectory implements JournalDisk {
  readonly #path: string;
  /**
   * What was written and is not synchronized. The same descriptor serves for both: the kernel tells of a failed write to those who had the
   * file open then.
   */
  readonly #open = new Map<string, number>();

  /** @param path of the directory. The first file in it makes it, for its owner alone. */
  constructor(path: string) {
    this.#path = path;
  }

  pathOf(name: string): string {
    return join(this.#path, name);
  }

  read(name: string): string | undefined {
    return unlessMissing(() => readFileSync(this.pathOf(name), ENCODING));
  }

  look(name: string): JournalFile | undefined {
    return unlessMissing(() => {
      const { dev, ino, size } = statSync(this.pathOf(name));
      return { identity: `${dev}:${ino}`, lengthBytes: size };
    });
  }

  append(name: string, text: string): void {
    // It is there: a new one would be without what stands before.
    this.#writing(name, constants.O_WRONLY | constants.O_APPEND, (file) => writeWhole(file, text));
  }

  create(name: string, text: string): void {
    mkdirSync(this.#path, { recursive: true, mode: 0o700 });
    this.#writing(name, 'w', (file) => writeWhole(file, text));
  }

  sync(name: string): void {
    const file = this.#open.get(name) ?? openSync(this.pathOf(name), 'r');
    this.#open.delete(name);
    try {
      // With the length, without the times.
      fdatasyncSync(file);
    } finally {
      closeSync(file);
    }
  }

  truncate(name: string, lengthBytes: number): void {
    this.#writing(name, 'r+', (file) => ftruncateSync(file, lengthBytes));
  }

  rename(from: string, to: string): void {
    renameSync(this.pathOf(from), this.pathOf(to));
  }

  remove(name: string): void {
    this.#close(name);
    rmSync(this.pathOf(name), { force: true });
  }

  syncDirectory(): void {
    const directory = openSync(this.#path, 'r');
    try {
      fsyncSync(directory);
    } finally {
      closeSync(directory);
    }
  }

  /** Opens a file and writes, to be closed when it is synchronized. */
  #writing(name: string, flags: number | 'w' | 'r+', write: (file: number) => void): void {
    this.#close(name);
    const file = openSync(this.pathOf(name), flags, 0o600);
    this.#open.set(name, file);
    try {
      write(file);
    } catch (error) {
      this.#close(name);
      throw error;
    }
  }

  #close(name: string): void {
    const file = this.#open.get(name);
    if (file === undefined) return;
    this.#open.delete(name);
    closeSync(file);
  }
}

/** A write may take a part only. */
function writeWhole(file: number, text: string): void {
  const bytes = Buffer.from(text, ENCODING);
  for (let at = 0; at < bytes.length;) at += writeSync(file, bytes, at);
}

function unlessMissing<Result>(look: () => Result): Result | undefined {
  try {
    return look();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
