/**
 * Keeps what the Kubernetes API told, for the next run of the daemon: it goes by it while the API is away. Services are kept by
 * `kept-services.ts`.
 *
 *     objects change, or all of a resource are known for the first time ──some seconds──> stored
 */
import type { Clock } from '../../env/clock.ts';
import type { Logger } from '../../env/logger.ts';
import type { PatientStore } from '../../env/store.ts';
import { WeftError } from '../../errors.ts';
import { parseStoredObjects, type StoredObjects } from '../../kubernetes/stored-objects.ts';
import { type ResourceName, resourcesFor } from '../../kubernetes/watched-resource.ts';
import type { ApiMirror } from './api-mirror.ts';

/** How long changes are gathered before they are stored, in ms. */
export const SAVE_DELAY_MS = 5_000;

/** How old the time of what is stored may get while nothing changes, in ms. */
export const CONFIRM_INTERVAL_MS = 600_000;

export interface KeptObjectsOptions {
  readonly api: Pick<ApiMirror, 'follow' | 'recall' | 'isComplete' | 'everything' | 'reachability'>;
  /** Of the own Node object. */
  readonly nodeName: string;
  readonly store: Pick<PatientStore, 'load' | 'keep'>;
  readonly clock: Clock;
  readonly wallClockMs: () => number;
  readonly logger: Logger;
}

const kept = resourcesFor(['node', 'policy']);

export class KeptObjects {
  readonly #options: KeptObjectsOptions;
  /** What an earlier run stored; `undefined`: nothing that counts. */
  readonly recalled: StoredObjects | undefined;
  /** Of which all objects were told in this run. */
  readonly #complete = new Set<ResourceName>();
  #saved = '';
  #isWaiting = false;
  #isClosed = false;

  /** Has the API go by what was stored, until it has told more. */
  constructor(options: KeptObjectsOptions) {
    this.#options = options;
    const { api, store, nodeName, logger } = options;
    this.recalled = loadStored(() => parseStoredObjects(store.load(), nodeName), logger);
    if (this.recalled !== undefined) api.recall(this.recalled);
    api.follow((resource, changed) => {
      if (!kept.includes(resource)) return;
      const isFirst = api.isComplete(resource) && !this.#complete.has(resource);
      if (isFirst) this.#complete.add(resource);
      if (isFirst || changed.length > 0) this.#saveSoon();
    });
    this.#saveSoon();
    this.#confirmLater();
  }

  /** Stores what was told in this run, and of resources that were not told in it, what was stored. Nothing, if that is stored already. */
  save(): void {
    const { api, nodeName, store, wallClockMs } = this.#options;
    if (!kept.some((name) => api.isComplete(name))) return;
    const known = { nodeName, ...api.everything(kept) };
    const text = JSON.stringify(known);
    if (text === this.#saved) return;
    this.#saved = text;
    const { isReachable, sinceMs } = api.reachability();
    store.keep({ time: new Date(isReachable ? wallClockMs() : sinceMs).toISOString(), ...known });
  }

  /** Stores what is known, and nothing any more. */
  close(): void {
    this.save();
    this.#isClosed = true;
  }

  #saveSoon(): void {
    if (this.#isWaiting) return;
    this.#isWaiting = true;
    this.#options.clock.after(SAVE_DELAY_MS, () => {
      this.#isWaiting = false;
      if (!this.#isClosed) this.save();
    });
  }

  /** Also where nothing changes, what is stored says that it is of today. */
  #confirmLater(): void {
    this.#options.clock.after(CONFIRM_INTERVAL_MS, () => {
      if (this.#isClosed) return;
      this.#saved = '';
      this.#saveSoon();
      this.#confirmLater();
    });
  }
}

/** A file that cannot be read is no reason not to start: the API knows everything. */
export function loadStored(load: () => StoredObjects | undefined, logger: Logger): StoredObjects | undefined {
  try {
    return load();
  } catch (error) {
    if (!(error instanceof WeftError) || error.code !== 'store-corrupt') throw error;
    logger.warn({ err: error }, 'what was known of Kubernetes cannot be read: the API has to tell it');
    return undefined;
  }
}
