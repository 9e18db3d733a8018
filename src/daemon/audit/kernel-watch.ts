/**
 * Hears what changes in the kernel, and has what is weft's put right within a second, instead of with the minute's audit.
 *
 *     quiet --something of ours may be gone--> due --look, and repair--> quiet
 *
 * Changes are gathered for the time between two reads, and a little longer while weft itself makes or removes pods: it hears of those, too,
 * and they would wait for each look. Looks are limited in number: where another program takes away again
 * and again what was put back, there are a few quick repairs, and then one in some seconds. Parameters of the kernel
 * (sysctl) tell nobody that they change: they are the minute's business.
 */
import { TokenBucket } from '../../dataplane/token-bucket.ts';
import type { Logger } from '../../env/logger.ts';
import type { HeardChanges } from '../../linux/kernel-change-sockets.ts';
import type { KernelChange } from '../../linux/kernel-change.ts';
import type { AuditedPart } from './audit.ts';

/** How often what was heard is read, in ms. Costs two system calls. */
const INTERVAL_MS = 200;

/** Looks in quick succession, and how many in the long run: each costs a few programs, about 50 ms of CPU. */
const LOOKS_IN_A_ROW = 12;
const LOOKS_PER_SECOND = 0.25;

/** Longest time, in ms, for which a look waits for pods that are being made or removed. */
const BUSY_WAIT_MS = 1_000;

/** After a failure it is tried so much later to hear again, in ms. */
const REOPEN_MS = 10_000;

/** Where changes are heard. */
interface ChangeSockets {
  read(): HeardChanges;
  close(): void;
}

export interface KernelWatchOptions {
  /** Hears from now on. May throw: then the minute's audit has to do for a while, and the log says so. */
  readonly open: () => ChangeSockets;
  /** Whether something of weft's may be gone by it. */
  readonly concernsUs: (change: KernelChange) => boolean;
  /**
   * Hears all changes, before what is ours is looked at: for what is to be known of them. `isComplete`: these are all since the last
   * call.
   */
  readonly onChanges?: (changes: readonly KernelChange[], isComplete: boolean) => void;
  /** Whether weft itself is changing what is its own. */
  readonly isBusy?: () => boolean;
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
  #sockets: ChangeSockets | undefined;
  /** When it is tried again to hear; `undefined` where nothing failed. */
  #reopenAtMs: number | undefined;
  #isDue = false;
  /** Whether it is to be told that a link or an address that is not ours changed. */
  #isOtherDue = false;
  /** Since when it has been waited for weft itself. */
  #busySinceMs: number | undefined;
  #round: Promise<unknown> | undefined;

  /** Hears from now on, until {@link stop}. */
  constructor(options: KernelWatchOptions) {
    this.#options = options;
    this.#looks.refill(options.nowMs());
    this.#open();
    this.#timer = setInterval(() => this.#read(), options.intervalMs ?? INTERVAL_MS);
    this.#timer.unref();
  }

  /** Ends after the look that is under way. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#close();
    await this.#round;
  }

  /** Hears what has happened up to now, and looks at nothing before the next turn. */
  hear(): void {
    const { concernsUs } = this.#options;
    try {
      const { changes, overran } = this.#sockets?.read() ?? { changes: [], overran: false };
      this.#options.onChanges?.(changes, !overran);
      const ours = changes.filter(concernsUs);
      if (overran || ours.length > 0) this.#isDue = true;
      const others = changes.some((change) => !ours.includes(change) && ['link', 'address'].includes(change.kind));
      if (overran || others) this.#isOtherDue = true;
    } catch (error) {
      this.#fail(error);
    }
  }

  #read(): void {
    const { nowMs } = this.#options;
    if (this.#sockets === undefined && nowMs() >= this.#reopenAtMs!) this.#open();
    this.hear();
    if (this.#isOtherDue) {
      this.#isOtherDue = false;
      this.#options.onOtherLink();
    }
    if (!this.#isDue || this.#round !== undefined || this.#waits(nowMs())) return;
    this.#looks.refill(nowMs());
    if (!this.#looks.take()) return;
    this.#isDue = false;
    this.#busySinceMs = undefined;
    this.#round = this.#options.tend().finally(() => {
      this.#round = undefined;
    });
  }

  /** Whether what weft is changing is to be there first. */
  #waits(nowMs: number): boolean {
    if (this.#options.isBusy?.() !== true) {
      this.#busySinceMs = undefined;
      return false;
    }
    this.#busySinceMs ??= nowMs;
    return nowMs - this.#busySinceMs < BUSY_WAIT_MS;
  }

  #open(): void {
    try {
      this.#sockets = this.#options.open();
    } catch (error) {
      return this.#fail(error);
    }
    if (this.#reopenAtMs === undefined) return;
    this.#reopenAtMs = undefined;
    this.#options.logger.info({}, 'the kernel is heard again');
    // Whatever changed in between, nobody heard it.
    this.#isDue = true;
    this.#isOtherDue = true;
  }

  #close(): void {
    this.#sockets?.close();
    this.#sockets = undefined;
  }

  /** Told once, however often it is tried. */
  #fail(error: unknown): void {
    this.#close();
    this.#options.onChanges?.([], false);
    if (this.#reopenAtMs === undefined)
      this.#options.logger.error({ err: error }, 'the kernel is not heard: repairs wait for the audit of each minute');
    this.#reopenAtMs = this.#options.nowMs() + REOPEN_MS;
  }
}

/** What is missing may have been taken away a moment ago, while something else was looked at: who did it is heard before it is put back. */
export function hearingFirst(part: AuditedPart, hear: () => void): AuditedPart {
  return {
    inspect: (trigger) => part.inspect(trigger),
    repair: () => {
      hear();
      return part.repair();
    },
  };
}
