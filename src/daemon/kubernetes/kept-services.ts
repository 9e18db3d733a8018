/**
 * Keeps what the Kubernetes API told of services, as `kept-objects.ts` does with the rest. There may be tens of thousands, and one of them
 * changes every moment: they are in a file of their own, which is written now and then, while other work goes on.
 *
 *     objects change ──some seconds, or half a minute after the last time──> all are written, piece by piece
 */
import type { Clock } from '../../env/clock.ts';
import type { Logger } from '../../env/logger.ts';
import { parseStoredObjects } from '../../kubernetes/stored-objects.ts';
import { resourcesFor } from '../../kubernetes/watched-resource.ts';
import type { LargeStateFile } from '../state/large-state-file.ts';
import type { ApiMirror } from './api-mirror.ts';
import { loadStored } from './kept-objects.ts';

/** How long changes are gathered before they are stored, in ms. */
export const SERVICES_DELAY_MS = 5_000;

/** How long it takes at least from one time to the next, in ms. */
export const SERVICES_INTERVAL_MS = 30_000;

export interface KeptServicesOptions {
  readonly api: Pick<ApiMirror, 'follow' | 'recall' | 'isComplete' | 'isKnown' | 'objectsOf'>;
  /** Of the own Node object. */
  readonly nodeName: string;
  readonly file: Pick<LargeStateFile, 'load' | 'keep'>;
  readonly clock: Clock;
  readonly wallClockMs: () => number;
  readonly logger: Logger;
}

const kept = resourcesFor(['service']) as readonly ('services' | 'endpointslices')[];

export class KeptServices {
  readonly #options: KeptServicesOptions;
  #isBehind = false;
  #isWaiting = false;
  #isClosed = false;
  #storedAtMs = -Infinity;
  #writing: Promise<void> = Promise.resolve();

  /** Has the API go by what was stored, until it has told more. */
  constructor(options: KeptServicesOptions) {
    this.#options = options;
    const { api, nodeName, file, logger } = options;
    const recalled = loadStored(() => parseStoredObjects(file.load(), nodeName), logger);
    if (recalled !== undefined) api.recall(recalled);
    api.follow((resource, changed) => {
      if (!kept.some((name) => name === resource) || changed.length === 0) return;
      this.#isBehind = true;
      this.#storeSoon();
    });
  }

  /** Resolves when what is known is stored, and nothing is any more. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#writing;
    await this.#store();
  }

  #storeSoon(): void {
    if (this.#isWaiting) return;
    this.#isWaiting = true;
    const { clock } = this.#options;
    const restMs = this.#storedAtMs + SERVICES_INTERVAL_MS - clock.nowMs();
    clock.after(Math.max(SERVICES_DELAY_MS, restMs), () => {
      this.#isWaiting = false;
      if (!this.#isClosed) this.#writing = this.#store();
    });
  }

  async #store(): Promise<void> {
    const { api, file, clock } = this.#options;
    if (!this.#isBehind || !kept.some((name) => api.isComplete(name))) return;
    this.#isBehind = false;
    this.#storedAtMs = clock.nowMs();
    await file.keep(() => this.#texts());
  }

  /** What changes while they are written is written the next time. */
  *#texts(): Generator<string, void> {
    const { api, nodeName, wallClockMs } = this.#options;
    yield `{"time":${JSON.stringify(new Date(wallClockMs()).toISOString())},"nodeName":${JSON.stringify(nodeName)}`;
    for (const name of kept.filter((one) => api.isKnown(one))) {
      yield `,\n"${name}":[`;
      let separator = '\n';
      for (const object of api.objectsOf(name).values()) {
        yield `${separator}${JSON.stringify(object)}`;
        separator = ',\n';
      }
      yield ']';
    }
    yield '}\n';
  }
}
