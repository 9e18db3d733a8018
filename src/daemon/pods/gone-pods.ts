/**
 * Pods whose network namespace went away without `weft pod rm`: after a decent time their addresses are free again.
 *
 * Gone is a pod whose cable is not there any more, and whose namespace file does not stand for its namespace. A namespace that only
 * a private mount hides is not gone: the cable lives as long as the namespace does.
 */
import type { EventSink } from '../process/event-log.ts';

/** How often one looks, in ms: the time that a pod is given is counted in minutes. */
const INTERVAL_MS = 10_000;

/** A pod that is gone. */
export interface GonePod {
  /** Of the pod, within the node. */
  readonly key: string;
  /** How people are told of it. */
  readonly title: string;
}

export interface GonePodsOptions {
  /** How long a pod has to be gone, in ms; 0: its addresses are never freed. */
  readonly freeAfterMs: number;
  /** The pods that are gone now. */
  readonly gone: () => readonly GonePod[];
  /** Frees what a pod has if it is still gone. @returns its addresses; `undefined`: it was not freed. */
  readonly free: (key: string) => Promise<readonly string[] | undefined>;
  readonly events: EventSink;
  /** Monotonic. */
  readonly nowMs: () => number;
}

export class GonePods {
  readonly #options: GonePodsOptions;
  /** By key: since when each has been gone, as far as was seen. */
  readonly #since = new Map<string, number>();
  #timer: NodeJS.Timeout | undefined;
  #round: Promise<void> = Promise.resolve();

  constructor(options: GonePodsOptions) {
    this.#options = options;
  }

  /** Looks from now on, again and again. */
  start(): this {
    if (this.#options.freeAfterMs > 0) {
      this.#timer = setInterval(() => {
        this.#round = this.#round.then(() => this.look());
      }, INTERVAL_MS);
      this.#timer.unref();
    }
    return this;
  }

  /** Looks now. Never rejects: what could not be freed is tried again. */
  async look(): Promise<void> {
    const { gone, nowMs, freeAfterMs, free, events } = this.#options;
    const titles = new Map(gone().map(({ key, title }) => [key, title]));
    for (const key of this.#since.keys()) if (!titles.has(key)) this.#since.delete(key);
    for (const [key, title] of titles) {
      const sinceMs = this.#since.get(key) ?? nowMs();
      this.#since.set(key, sinceMs);
      if (nowMs() - sinceMs < freeAfterMs) continue;
      const addresses = await free(key);
      if (addresses === undefined) continue;
      this.#since.delete(key);
      const minutes = Math.round((nowMs() - sinceMs) / 60_000);
      const message = `the addresses ${addresses.join(', ')} of pod ${title} are free again: its network namespace has been gone for ${minutes} minutes`;
      events.add('pod-forgotten', { subject: title, message, details: { addresses: addresses.join(', ') } });
    }
  }

  /** Ends it, and waits for a look that goes on. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#round;
  }
}
