/**
 * A journal: a file to whose end lines are written, each of which is on the disk before it counts.
 *
 *     (nothing, or of another run) ──rewrite──> certain ──append──> certain
 *                                                  │  an append, or its way to the disk, fails and cannot be taken back
 *                                                  v
 *                                              uncertain ──rewrite──> certain
 *
 * Uncertain means: what is on the disk is not known. What was to be written may be there or not, and so may be believed by nobody. A page
 * that the kernel could not write counts as written for it afterwards, so neither another `fsync` nor reading the file would tell. What
 * helps is a new file, written from what its owner knows; {@link Journal.append} refuses until then.
 *
 * A file is replaced by another that is whole, on the disk, and renamed: at any moment either is there.
 */
import { WeftError } from '../errors.ts';
import type { JournalDisk } from '../env/journal-disk.ts';
import { crc32 } from '../wire/crc32.ts';
import { formatLine, parseLines } from './journal-line.ts';

/** What is appended to the name of a file that is being written. One that a crash left is replaced by the next. */
export const UNFINISHED_SUFFIX = '.tmp';

/** What is appended to the name of a file that somebody changed, where it is kept when the journal is written anew. */
export const ASIDE_SUFFIX = '.aside';

/** What this run put on the disk. */
interface Written {
  readonly identity: string;
  readonly lengthBytes: number;
  readonly checksum: number;
}

export class Journal {
  readonly #disk: JournalDisk;
  readonly name: string;
  #lastNumber = 0;
  #firstLineBytes = 0;
  /** `undefined`: what is on the disk is not known, or there is nothing. */
  #written: Written | undefined;

  constructor(disk: JournalDisk, name: string) {
    this.#disk = disk;
    this.name = name;
  }

  /**
   * Values of all lines; `undefined` if there is no file. A line at the end that is not whole was never acknowledged, and does not count.
   *
   * The journal is uncertain then: what the last run left may be in the memory of the kernel alone, and a disk that failed the last run
   * would not fail an `fsync` of this one.
   *
   * @throws WeftError `store-corrupt` if the file cannot be read, or a line that is not the last is damaged. It stays as it is.
   */
  load(): readonly unknown[] | undefined {
    const text = this.#read();
    if (text === undefined) return undefined;
    const { values, lastNumber, lengthBytes, end } = parseLines(text);
    // A file gets its name when it is whole: its first line cannot be torn.
    if (end === 'damaged' || values.length === 0) throw this.#damaged(lengthBytes);
    this.#lastNumber = lastNumber;
    return values;
  }

  /** Bytes of the file; 0 if that is not known. */
  get lengthBytes(): number {
    return this.#written?.lengthBytes ?? 0;
  }

  /** Bytes of the first line of it. */
  get firstLineBytes(): number {
    return this.#firstLineBytes;
  }

  /** Path of the file, for messages. */
  get path(): string {
    return this.#disk.pathOf(this.name);
  }

  /** Whether a line can be appended: what is on the disk is known, and is what this run wrote, as far as can be seen from outside. */
  canAppend(): boolean {
    const written = this.#written;
    if (written === undefined) return false;
    const file = this.#look();
    return file?.identity === written.identity && file.lengthBytes === written.lengthBytes;
  }

  /**
   * Writes a line; when this returns, it is on the disk.
   *
   * @throws WeftError `store-failed`. The line is then not there; or, with `details.inDoubt`, that is not known.
   */
  append(value: unknown): void {
    const written = this.#written;
    if (written === undefined) throw new TypeError('a journal that is not certain has to be written anew');
    const line = formatLine(this.#lastNumber + 1, value);
    // Until it is over.
    this.#written = undefined;
    try {
      this.#disk.append(this.name, line);
    } catch (error) {
      if (!this.#takeBack(written)) throw this.#failed(error, true);
      this.#written = written;
      throw this.#failed(error, false);
    }
    try {
      this.#disk.sync(this.name);
    } catch (error) {
      throw this.#failed(error, true);
    }
    this.#lastNumber++;
    const { identity, lengthBytes, checksum } = written;
    this.#written = { identity, lengthBytes: lengthBytes + line.length, checksum: crc32(line, checksum) };
  }

  /**
   * Replaces the file by one that holds these values, a line each.
   *
   * @throws WeftError `store-failed`. The file is then the one before, or, with `details.inDoubt`, one of both.
   */
  rewrite(values: readonly unknown[]): void {
    const text = values.map((value, index) => formatLine(this.#lastNumber + 1 + index, value)).join('');
    const unfinished = this.name + UNFINISHED_SUFFIX;
    this.#keepAside();
    try {
      this.#disk.create(unfinished, text);
      this.#disk.sync(unfinished);
    } catch (error) {
      this.#remove(unfinished);
      throw this.#failed(error, false);
    }
    this.#written = undefined;
    try {
      this.#disk.rename(unfinished, this.name);
      this.#disk.syncDirectory();
    } catch (error) {
      this.#remove(unfinished);
      throw this.#failed(error, true);
    }
    this.#lastNumber += values.length;
    this.#firstLineBytes = text.indexOf('\n') + 1;
    this.#written = this.#now(crc32(text));
  }

  /** Why the file is not what this run wrote; `undefined`: it is, or that cannot be known. */
  damage(): string | undefined {
    const written = this.#written;
    if (written === undefined) return undefined;
    try {
      const text = this.#disk.read(this.name);
      if (text === undefined) return `${this.name} is gone from the state directory`;
      return text.length === written.lengthBytes && crc32(text) === written.checksum
        ? undefined
        : `${this.name} in the state directory is not what this daemon stored: somebody changed it`;
    } catch (error) {
      return `${this.name} in the state directory cannot be read: ${reasonOf(error)}`;
    }
  }

  #read(): string | undefined {
    try {
      return this.#disk.read(this.name);
    } catch (error) {
      const advice = 'make it readable; the log of the kernel (dmesg) has errors of the disk';
      const message = `${this.path} cannot be read (${reasonOf(error)}): ${advice}`;
      throw new WeftError('store-corrupt', message, { path: this.path }, error);
    }
  }

  /** Cuts off what an append left of a line. @returns whether that is certain. */
  #takeBack({ identity, lengthBytes }: Written): boolean {
    const file = this.#look();
    // Nothing was written at all: the file system is read-only, for one.
    if (file?.identity === identity && file.lengthBytes === lengthBytes) return true;
    try {
      this.#disk.truncate(this.name, lengthBytes);
      this.#disk.sync(this.name);
      return true;
    } catch {
      return false;
    }
  }

  /** A file that somebody changed is evidence, and may be the better one. It is copied, as its name must not be free for a moment. */
  #keepAside(): void {
    if (this.damage() !== undefined) this.setAside();
  }

  /** Keeps a copy of the file as it is. What cannot be copied is let go. */
  setAside(): void {
    try {
      const text = this.#disk.read(this.name);
      if (text === undefined) return;
      this.#disk.create(this.name + ASIDE_SUFFIX, text);
      this.#disk.sync(this.name + ASIDE_SUFFIX);
    } catch {
      this.#remove(this.name + ASIDE_SUFFIX);
    }
  }

  #remove(name: string): void {
    try {
      this.#disk.remove(name);
    } catch {
      // It is in nobody's way.
    }
  }

  #look(): ReturnType<JournalDisk['look']> {
    try {
      return this.#disk.look(this.name);
    } catch {
      return undefined;
    }
  }

  #now(checksum: number): Written | undefined {
    const file = this.#look();
    return file && { ...file, checksum };
  }

  #failed(error: unknown, inDoubt: boolean): WeftError {
    const message = `${this.path} cannot be saved: ${reasonOf(error)}`;
    return new WeftError('store-failed', message, { path: this.path, ...(inDoubt && { inDoubt }) }, error);
  }

  #damaged(at: number): WeftError {
    const message =
      `${this.path} is damaged at byte ${at} of it, and is left as it is: restore it from a backup, or run "weft reset" to give up ` +
      'what it records';
    return new WeftError('store-corrupt', message, { path: this.path, atBytes: at });
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
