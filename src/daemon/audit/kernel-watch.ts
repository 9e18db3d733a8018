/**
 * Hears what changes in the kernel, and has what is weft's put right within a second, instead of with the minute's audit.
 *
 *     quiet --something of ours may be gone--> due --look, and repair--> quiet
 *
 * Changes are gathered for the time between two reads. Looks are limited in number: where another program takes away again
 * and again what was put back, there are a few quick repairs, and then one in some seconds. Parameters of the kernel
 * (sysctl) tell nobody that they change: they are the minute's business.
 */
import { TokenBucket } from '../../dataplane/token-bucket.ts';
import type { Logger } from '../../env/logger.ts';
import { type HeardChanges, KernelChangeSockets } from '../../linux/kernel-change-sockets.ts';
import type { KernelChange } from '../../linux/kernel-change.ts';

/** How often what was heard is read, in ms. Costs two system calls. */
const INTERVAL_MS = 200;

/** Looks in quick succession, and how many in the long run: each costs a few programs, about 50 ms of CPU. */
const LOOKS_IN_A_ROW = 12;
const LOOKS_PER_SECOND = 0.25;

export interface KernelWatchOptions {
  readonly sockets: { read(): HeardChanges; close(): void };
  /** Whether something of weft's may be gone by it. */
  readonly concernsUs: (change: KernelChange) => boolean;
  /** Looks at what is ours, and puts it right. Never rejects. */
  readonly tend: () => Promise<unknown>;
  /** A link or an address that is not ours changed: perhaps it is the underlay's. */
  readonly onOtherLink: () => void;
  readonly logger: Logger;
  readonly nowMs: () => number;
  readonly intervalMs?: number;
}

export class KernelWatch {
  readonly #options: KernelWatchOptions;
  readonly #timer: NodeJS.Timeout;
  readonly #looks = new TokenBucket(LOOKS_PER_SECOND, LOOKS_IN_A_ROW);
  #isDue = false;
  #isStopped = false;
  #round: Promise<unknown> | undefined;

  /** Hears this process's namespace. @returns nothing where that may not be: the minute's audit has to do, and the log says so. */
  static open(options: Omit<KernelWatchOptions, 'sockets'>): KernelWatch | undefined {
    try {
      return new KernelWatch({ ...options, sockets: new KernelChangeSockets() });
    } catch (error) {
      options.logger.warn({ err: error }, 'the kernel is not heard: repairs wait for the audit of each minute');
      return undefined;
    }
  }

  /** Hears from now on, until {@link stop}. */
  constructor(options: KernelWatchOptions) {
    this.#options = options;
    this.#looks.refill(options.nowMs());
    this.#timer = setInterval(() => this.#read(), options.intervalMs ?? INTERVAL_MS);
    this.#timer.unref();
  }

  /** Ends after the look that is under way. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    if (!this.#isStopped) this.#options.sockets.close();
    this.#isStopped = true;
    await this.#round;
  }

  #read(): void {
    const { sockets, concernsUs, onOtherLink, nowMs, logger } = this.#options;
    try {
      const { changes, overran } = sockets.read();
      const ours = changes.filter(concernsUs);
      if (overran || ours.length > 0) this.#isDue = true;
      const others = changes.some((change) => !ours.includes(change) && ['link', 'address'].includes(change.kind));
      if (overran || others) onOtherLink();
    } catch (error) {
      // The minute's audit goes on.
      logger.error({ err: error }, 'the kernel is no longer heard: repairs wait for the audit of each minute');
      void this.stop();
      return;
    }
    if (!this.#isDue || this.#round !== undefined) return;
    this.#looks.refill(nowMs());
    if (!this.#looks.take()) return;
    this.#isDue = false;
    this.#round = this.#options.tend().finally(() => {
      this.#round = undefined;
    });
  }
}
