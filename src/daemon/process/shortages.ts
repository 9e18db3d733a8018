/**
 * What there was nothing left of for this daemon: descriptors, processes, memory. Nothing ends for it. It is counted, said, and what
 * could not be done is tried again.
 */
import type { Logger } from '../../env/logger.ts';
import { describeShortage, shortageIn, shortages, type MetShortage, type Shortage } from '../../linux/shortage.ts';
import type { Notice } from '../../api/control-api.ts';
import { BoundedLog } from './bounded-log.ts';
import type { EventSink } from './event-log.ts';

/** How long it is said, in ms. */
const SAID_MS = 600_000;
/** How long there must have been none for the next to be an event: one that lasts is one. */
const EVENT_PAUSE_MS = 60_000;

export interface ShortagesOptions {
  readonly nodeName: string;
  readonly events: EventSink;
  readonly logger: Logger;
  /** Any clock that does not jump, in ms. */
  readonly nowMs: () => number;
}

interface Known {
  count: number;
  lastMs: number;
  message: string;
}

export class Shortages {
  readonly #options: ShortagesOptions;
  readonly #log: BoundedLog;
  readonly #known = new Map<Shortage, Known>();

  readonly #hear = (met: unknown): void => {
    const { error, purpose } = met as MetShortage;
    this.note(purpose, error);
  };

  /** Hears of those that this process meets, until {@link close}. */
  constructor(options: ShortagesOptions) {
    this.#options = options;
    this.#log = new BoundedLog(options.logger, options.nowMs);
    shortages.subscribe(this.#hear);
  }

  close(): void {
    shortages.unsubscribe(this.#hear);
  }

  /** How often there was nothing left, by what of. */
  get counts(): ReadonlyMap<Shortage, number> {
    return new Map(Array.from(this.#known, ([shortage, { count }]) => [shortage, count]));
  }

  /**
   * Notes `error` if it is one of these; false: it is not, and somebody else's.
   *
   * @param purpose what could not be done, completing "cannot …".
   */
  note(purpose: string, error: unknown): boolean {
    const shortage = shortageIn(error);
    if (shortage === undefined) return false;
    const { nowMs } = this.#options;
    const known = this.#known.get(shortage);
    const isNews = known === undefined || nowMs() - known.lastMs > EVENT_PAUSE_MS;
    // To find the words may cost as much as what could not be done.
    const message = isNews ? messageOf(error, purpose) : known.message;
    this.#known.set(shortage, { count: (known?.count ?? 0) + 1, lastMs: nowMs(), message });
    if (isNews) this.#tell(shortage, message);
    this.#log.warn({ of: shortage, purpose, err: error }, 'something was not done for want of resources', shortage);
    return true;
  }

  /** What there was nothing left of in the last ten minutes. */
  notices(): Notice[] {
    const sinceMs = this.#options.nowMs() - SAID_MS;
    const recent = [...this.#known.values()].filter(({ lastMs }) => lastMs >= sinceMs);
    return recent.map(({ count, message }) => ({
      code: 'resources-short',
      message: `${message} (${count === 1 ? 'once' : `${count} times`} since the start)`,
    }));
  }

  #tell(of: Shortage, message: string): void {
    const { nodeName, events } = this.#options;
    events.add('resources-short', { subject: nodeName, message, details: { of } });
  }
}

function messageOf(error: unknown, purpose: string): string {
  return describeShortage(error, purpose)?.message ?? String(error);
}
