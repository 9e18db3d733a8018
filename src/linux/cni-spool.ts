/**
 * Removals of CNI attachments that nobody could be told of, as no daemon ran: one file for each, named by what is to be removed, in a
 * directory for root alone. The plugin writes them, and the daemon carries them out when it starts, and when one comes.
 */
import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  opendirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  statSync,
} from 'node:fs';
import { join } from 'node:path';
import { FileStore, TEMPORARY_SUFFIX } from './file-store.ts';

/** An interface of a container that its runtime gave up. */
export interface SpooledRemoval {
  readonly cniNetwork: string;
  readonly containerId: string;
  readonly interface: string;
}

/** Name of the directory, below the daemon's state directory. */
export const SPOOL_DIRECTORY = 'cni-spool';

const FILE_NAME = /^[0-9a-f]{64}\.json$/;

/** Removals that are read at a time: more than any node has containers. */
const MAX_ENTRIES = 4_096;

/** Of one file. Container ids and names have no limit of their own in CNI. */
const MAX_FILE_BYTES = 16 * 1024;

export class CniSpool {
  readonly directory: string;

  constructor(directory: string) {
    this.directory = directory;
  }

  /** Makes the directory, for its owner alone. @throws if that cannot be */
  make(): void {
    mkdirSync(this.directory, { recursive: true, mode: 0o700 });
    chmodSync(this.directory, 0o700);
  }

  /** Notes a removal; once more does no harm. @throws WeftError `store-failed`, or what {@link make} throws */
  write(removal: SpooledRemoval): void {
    const { cniNetwork, containerId, interface: name } = removal;
    this.make();
    new FileStore(this.#pathOf(removal)).save({ cniNetwork, containerId, interface: name });
  }

  /** Forgets a removal: it was carried out, or the interface is attached again. Whether there is one does not matter. */
  delete(removal: SpooledRemoval): void {
    rmSync(this.#pathOf(removal), { force: true });
  }

  has(removal: SpooledRemoval): boolean {
    return existsSync(this.#pathOf(removal));
  }

  /** Those that are there, in no order. Files that are something else are left alone. */
  read(): SpooledRemoval[] {
    const removals: SpooledRemoval[] = [];
    let directory;
    try {
      directory = opendirSync(this.directory);
    } catch {
      return removals;
    }
    try {
      for (let seen = 0; seen < MAX_ENTRIES; seen++) {
        const entry = directory.readSync();
        if (entry === null) break;
        if (!entry.isFile() || !FILE_NAME.test(entry.name)) continue;
        const removal = readRemoval(join(this.directory, entry.name));
        if (removal !== undefined) removals.push(removal);
      }
    } finally {
      directory.closeSync();
    }
    return removals;
  }

  /** Removes the directory with all that is ours in it. @returns what was removed */
  remove(): string[] {
    if (!existsSync(this.directory)) return [];
    const own = readdirSync(this.directory).filter((name) => FILE_NAME.test(name.replace(TEMPORARY_SUFFIX, '')));
    for (const name of own) rmSync(join(this.directory, name));
    if (readdirSync(this.directory).length > 0) return own.map((name) => join(this.directory, name));
    rmdirSync(this.directory);
    return [this.directory];
  }

  #pathOf({ cniNetwork, containerId, interface: name }: SpooledRemoval): string {
    // A NUL is in none of them.
    const hash = createHash('sha256').update([cniNetwork, containerId, name].join('\0')).digest('hex');
    return join(this.directory, `${hash}.json`);
  }
}

function readRemoval(path: string): SpooledRemoval | undefined {
  try {
    if (statSync(path).size > MAX_FILE_BYTES) return undefined;
    const document = JSON.parse(readFileSync(path, 'utf8')) as Partial<Record<keyof SpooledRemoval, unknown>> | null;
    const { cniNetwork, containerId, interface: name } = document ?? {};
    if (typeof cniNetwork !== 'string' || typeof containerId !== 'string' || typeof name !== 'string') return undefined;
    return { cniNetwork, containerId, interface: name };
  } catch {
    return undefined;
  }
}
