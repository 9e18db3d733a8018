/**
 * The state directory of a daemon, and whether it can be written. While it cannot, the daemon goes on, says so, and tries
 * again: what came meanwhile is stored as soon as there is room.
 */
import { join } from 'node:path';
import type { Clock } from '../../env/clock.ts';
import type { Logger } from '../../env/logger.ts';
import { FileStore } from '../../linux/file-store.ts';
import { JournalDirectory } from '../../linux/journal-directory.ts';
import { replaceLargeFile } from '../../linux/large-file.ts';
import type { Notice } from '../../api/control-api.ts';
import type { EventSink } from '../process/event-log.ts';
import { LargeStateFile } from './large-state-file.ts';
import { roomIn } from './state-room.ts';
import { StateFile } from './state-file.ts';
import { StateJournal } from './state-journal.ts';
import type { StoredFile } from './stored-file.ts';

/** How often what could not be stored is tried again. A try costs one small write. */
const RETRY_INTERVAL_MS = 5_000;

/** How often a daemon that stores nothing looks whether it could. */
const LOOK_INTERVAL_MS = 60_000;

export interface StateDirectoryOptions {
  readonly path: string;
  readonly events: EventSink;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly wallClockMs: () => number;
}

/** A file that could not be written when that was last tried. */
export interface FailingFile {
  readonly file: string;
  /** Since when, ISO 8601. */
  readonly since: string;
  /** Of the system: `ENOSPC: no space left on device, write`. */
  readonly reason: string;
}

export class StateDirectory {
  readonly path: string;
  readonly #options: StateDirectoryOptions;
  readonly #files: StoredFile[] = [];
  readonly #failing = new Map<StoredFile, FailingFile>();
  #isRetrying = false;
  #isClosed = false;

  constructor(options: StateDirectoryOptions) {
    this.path = options.path;
    this.#options = options;
    this.#lookLater();
  }

  /** A file of this directory; each is asked for once. */
  file(name: string): StateFile {
    const store = new FileStore(join(this.path, name));
    const file = new StateFile(name, store, (which, failure) => this.#noted(which, failure));
    this.#files.push(file);
    return file;
  }

  /** A file of this directory that is written piece by piece; each is asked for once. */
  largeFile(name: string): LargeStateFile {
    const path = join(this.path, name);
    const file = new LargeStateFile(name, {
      load: () => new FileStore(path).load(),
      replace: async (texts) => replaceLargeFile(path, texts),
      observe: (which, failure) => this.#noted(which, failure),
    });
    this.#files.push(file);
    return file;
  }

  /** A journal in this directory; each is asked for once. */
  journal(name: string): StateJournal {
    const disk = new JournalDirectory(this.path);
    const journal = new StateJournal(name, disk, (which, failure) => this.#noted(which, failure));
    this.#files.push(journal);
    return journal;
  }

  /** Those that could not be written when that was last tried. */
  failing(): readonly FailingFile[] {
    return [...this.#failing.values()];
  }

  /** What a person should know: that nothing can be stored, and what that means. */
  notices(): Notice[] {
    const [first] = this.#failing.values();
    if (first === undefined) return [];
    const names = [...this.#failing.keys()].map(({ name }) => name).join(', ');
    const message =
      `${names} in ${this.path} cannot be stored since ${first.since} (${first.reason}): until that can be done, ` +
      'pods can be neither added nor removed, and what changes does not outlast a restart; what runs goes on, and ' +
      `it is tried again every ${RETRY_INTERVAL_MS / 1_000} s`;
    return [{ code: 'store-unwritable', message }];
  }

  /** Finds out whether something could be stored, where that is in doubt; otherwise it writes nothing. */
  look(): void {
    if (this.#failing.size > 0) return;
    const { unwritable, freeBytes, freeFiles } = roomIn(this.path);
    if (unwritable === undefined && freeBytes > 0 && freeFiles > 0) return;
    this.#files[0]?.retry();
  }

  /** Tries nothing any more. */
  close(): void {
    this.#isClosed = true;
  }

  #lookLater(): void {
    this.#options.clock.after(LOOK_INTERVAL_MS, () => {
      if (this.#isClosed) return;
      this.look();
      this.#lookLater();
    });
  }

  #noted(file: StoredFile, failure: Error | undefined): void {
    const wasFailing = this.#failing.size > 0;
    if (failure === undefined) this.#failing.delete(file);
    else {
      const since = this.#failing.get(file)?.since ?? new Date(this.#options.wallClockMs()).toISOString();
      this.#failing.set(file, { file: file.name, since, reason: reasonOf(failure) });
    }
    const isFailing = this.#failing.size > 0;
    if (isFailing && !wasFailing) this.#tell('store-failed', file, failure);
    if (!isFailing && wasFailing) this.#tell('store-recovered', file);
    if (isFailing) this.#retryLater();
  }

  #retryLater(): void {
    if (this.#isRetrying) return;
    this.#isRetrying = true;
    this.#options.clock.after(RETRY_INTERVAL_MS, () => {
      this.#isRetrying = false;
      if (this.#isClosed) return;
      for (const file of this.#files) if (this.#failing.has(file)) file.retry();
    });
  }

  #tell(kind: 'store-failed' | 'store-recovered', { name }: StoredFile, failure?: Error): void {
    const { events, logger } = this.#options;
    const reason = failure === undefined ? '' : reasonOf(failure);
    const details = { directory: this.path, file: name, reason };
    if (failure === undefined) {
      events.add(kind, { subject: this.path, message: `everything is stored in ${this.path} again`, details });
      logger.info(details, 'the state directory can be written again');
      return;
    }
    events.add(kind, { subject: this.path, message: `${name} cannot be stored in ${this.path}: ${reason}`, details });
    logger.error({ ...details, err: failure }, 'the state directory cannot be written');
  }
}

/** What the system said, rather than what was to be done. */
function reasonOf({ message, cause }: Error): string {
  return cause instanceof Error ? cause.message : message;
}
