/**
 * A disk that does what disks may do. After a power cut, what was not synchronized is there, is not, or is there in part; an error of the
 * disk may come at any write; and what `fsync` could not write counts as written for the next `fsync`.
 */
import type { SeededRandom } from '../../src/sim/seeded-random.ts';
import type { JournalDisk, JournalFile } from '../../src/env/journal-disk.ts';

/** What a write is, for {@link SimulatedDisk.failing}. */
export type WriteKind = 'append' | 'create' | 'sync' | 'truncate' | 'rename' | 'remove' | 'syncDirectory';

interface File {
  readonly identity: string;
  /** As the kernel shows it. */
  seen: string;
  /** As it is on the disk for sure. */
  safe: string;
  /** From where to where the kernel believes to have written what it has not. */
  readonly lost: [from: number, to: number][];
}

type Names = Map<string, File>;

export class SimulatedDisk implements JournalDisk {
  readonly #random: SeededRandom;
  #names: Names = new Map();
  #safeNames: Names = new Map();
  #changes: ((names: Names) => void)[] = [];
  #made = 0;
  /** The error of a write; `undefined`: there is none. */
  failing: (kind: WriteKind) => string | undefined = () => undefined;
  /** Called wherever the power may fail. */
  onWritePoint: () => void = () => {};

  constructor(random: SeededRandom) {
    this.#random = random;
  }

  /** The disk after the process was killed. */
  afterKill(): SimulatedDisk {
    const disk = new SimulatedDisk(this.#random);
    const copies = new Map<File, File>();
    const copy = (file: File): File => {
      const made = copies.get(file) ?? { ...file, lost: [...file.lost] };
      copies.set(file, made);
      return made;
    };
    disk.#names = new Map([...this.#names].map(([name, file]) => [name, copy(file)]));
    disk.#safeNames = new Map([...this.#safeNames].map(([name, file]) => [name, copy(file)]));
    // Later than what they did, nobody asks.
    disk.#changes = [];
    disk.#made = this.#made;
    return disk;
  }

  /** The disk after a power cut. */
  afterPowerCut(): SimulatedDisk {
    const names: Names = new Map(this.#safeNames);
    for (const change of this.#changes.slice(0, this.#random.below(this.#changes.length + 1))) change(names);
    const disk = new SimulatedDisk(this.#random);
    disk.#made = this.#made;
    for (const [name, file] of names) {
      const left = this.#left(file);
      const survivor: File = { identity: file.identity, seen: left, safe: left, lost: [] };
      disk.#names.set(name, survivor);
      disk.#safeNames.set(name, survivor);
    }
    return disk;
  }

  names(): string[] {
    return [...this.#names.keys()].toSorted((a, b) => (a < b ? -1 : 1));
  }

  /** Changes a file as somebody else would. */
  spoil(name: string, change: (content: string) => string | undefined): void {
    const content = change(this.#file(name).seen);
    if (content === undefined) this.#names.delete(name);
    else this.#names.set(name, { ...this.#file(name), seen: content, safe: content });
    this.#safeNames = new Map(this.#names);
  }

  pathOf(name: string): string {
    return `/state/${name}`;
  }

  read(name: string): string | undefined {
    return this.#names.get(name)?.seen;
  }

  look(name: string): JournalFile | undefined {
    const file = this.#names.get(name);
    return file && { identity: file.identity, lengthBytes: file.seen.length };
  }

  append(name: string, text: string): void {
    this.#write('append', this.#file(name), text);
  }

  create(name: string, text: string): void {
    const file: File = { identity: `file ${++this.#made}`, seen: '', safe: '', lost: [] };
    // A new file rather than the old one cut to nothing: the writer does not care which.
    this.#name((names) => names.set(name, file));
    this.#write('create', file, text);
  }

  sync(name: string): void {
    this.onWritePoint();
    const file = this.#file(name);
    const error = this.failing('sync');
    if (error !== undefined) {
      file.lost.push([commonLength(file.seen, file.safe), file.seen.length]);
      throw new Error(`${error}: fdatasync`);
    }
    file.safe = file.lost.reduce(
      (text, [from, to]) =>
        text.slice(0, from) + '\0'.repeat(Math.max(0, Math.min(to, text.length) - from)) + text.slice(to),
      file.seen,
    );
    this.onWritePoint();
  }

  truncate(name: string, lengthBytes: number): void {
    this.#begin('truncate');
    const file = this.#file(name);
    file.seen = file.seen.slice(0, lengthBytes);
    this.onWritePoint();
  }

  rename(from: string, to: string): void {
    this.#begin('rename');
    const file = this.#file(from);
    this.#name((names) => {
      names.delete(from);
      names.set(to, file);
    });
    this.onWritePoint();
  }

  remove(name: string): void {
    this.#begin('remove');
    this.#name((names) => names.delete(name));
    this.onWritePoint();
  }

  syncDirectory(): void {
    this.#begin('syncDirectory');
    this.#safeNames = new Map(this.#names);
    this.#changes = [];
    this.onWritePoint();
  }

  #begin(kind: WriteKind): void {
    this.onWritePoint();
    const error = this.failing(kind);
    if (error !== undefined) throw new Error(`${error}: ${kind}`);
  }

  /** In two steps: the process may be killed, or the disk be full, between them. */
  #write(kind: 'append' | 'create', file: File, text: string): void {
    this.onWritePoint();
    const error = this.failing(kind);
    const before = file.seen;
    const part = error === undefined || error === 'ENOSPC' ? this.#random.below(text.length + 1) : 0;
    file.seen = before + text.slice(0, part);
    this.onWritePoint();
    if (error !== undefined) throw new Error(`${error}: ${kind}`);
    file.seen = before + text;
    this.onWritePoint();
  }

  #name(change: (names: Names) => void): void {
    change(this.#names);
    this.#changes.push(change);
  }

  #file(name: string): File {
    const file = this.#names.get(name);
    if (file === undefined) throw new Error(`ENOENT: ${name}`);
    return file;
  }

  /** What a power cut leaves of a file. */
  #left({ seen, safe }: File): string {
    if (seen === safe) return safe;
    const common = commonLength(seen, safe);
    const from = common + this.#random.below(seen.length - common + 1);
    const to = from + this.#random.below(seen.length - from + 1);
    return [
      safe,
      seen,
      seen.slice(0, from),
      // Its length was written, and not all of it.
      seen.slice(0, from) + '\0'.repeat(to - from) + seen.slice(to),
      seen.slice(0, from) +
        Array.from({ length: to - from }, () => String.fromCharCode(this.#random.below(256))).join(''),
    ][this.#random.below(5)]!;
  }
}

function commonLength(a: string, b: string): number {
  let length = 0;
  while (length < a.length && a[length] === b[length]) length++;
  return length;
}
