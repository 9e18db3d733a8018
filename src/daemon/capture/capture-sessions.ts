/** The captures that run in this thread, and the loop that drains their rings: busy, then at intervals, then asleep. */
import { realtimeAheadNs } from '../../linux/clock.ts';
import type { CaptureEnd, CapturePlan, CaptureTotals } from './capture-messages.ts';
import { CaptureNames } from './capture-names.ts';
import type { CaptureQueue } from './capture-queue.ts';
import { CaptureSession } from './capture-session.ts';

export interface CaptureSessionsOptions {
  readonly nodeName: string;
  /** Of weft, for the files. */
  readonly version: string;
  readonly onEnd: (capture: number, end: CaptureEnd, totals: CaptureTotals) => void;
}

/** How often to look into the rings when there was nothing in them, in ms: what a person takes for at once. */
const INTERVAL_MS = 10;
/** How often little or nothing must have been in them before the loop sleeps until something is: to be woken costs a worker some us. */
const LOOKS_IN_VAIN = 10;
/** How often to look at the wall clock, in ms: somebody may set it. */
const CLOCK_MS = 1_000;

export class CaptureSessions {
  readonly names = new CaptureNames();
  readonly #options: CaptureSessionsOptions;
  readonly #sessions = new Map<number, CaptureSession>();
  #timer: NodeJS.Timeout | undefined;
  /** Looks in a row that left nothing to do at once. */
  #inVain = 0;
  /** Grows whenever the loop is started afresh: one that sleeps does not go on then. */
  #turn = 0;
  /** CLOCK_REALTIME minus CLOCK_MONOTONIC, and when it was measured. */
  #clock = { aheadNs: 0n, measuredMs: -Infinity };

  constructor(options: CaptureSessionsOptions) {
    this.#options = options;
  }

  /** How many run. */
  get count(): number {
    return this.#sessions.size;
  }

  /** Begins to drain the rings of `plan`, and gives the pcapng stream. @throws WeftError `filter-invalid` */
  begin(plan: CapturePlan): CaptureQueue {
    const { nodeName, version, onEnd } = this.#options;
    const { capture } = plan;
    const session = new CaptureSession({
      plan,
      nodeName,
      version,
      names: this.names,
      onEnd: (end, totals) => {
        this.#sessions.delete(capture);
        onEnd(capture, end, totals);
      },
    });
    this.#sessions.set(capture, session);
    session.drain(this.#realtimeAheadNs());
    this.#restart();
    return session.queue;
  }

  /** Ends one in order. `false` if it is not here. */
  end(capture: number): boolean {
    const session = this.#sessions.get(capture);
    session?.end('asked');
    return session !== undefined;
  }

  /** Ends all. */
  close(): void {
    for (const session of this.#sessions.values()) session.end('asked');
    clearTimeout(this.#timer);
    this.#turn++;
  }

  #restart(): void {
    clearTimeout(this.#timer);
    this.#inVain = 0;
    this.#loop(++this.#turn);
  }

  #loop(turn: number): void {
    if (turn !== this.#turn || this.#sessions.size === 0) return;
    const aheadNs = this.#realtimeAheadNs();
    let isBusy = false;
    for (const session of this.#sessions.values()) isBusy = session.drain(aheadNs) || isBusy;
    this.#inVain = isBusy ? 0 : this.#inVain + 1;
    // Behind those who wait to read and write: clients, and the main thread.
    if (isBusy) setImmediate(() => this.#loop(turn));
    else if (this.#inVain >= LOOKS_IN_VAIN) this.#sleep(turn);
    else this.#timer = setTimeout(() => this.#loop(turn), INTERVAL_MS);
  }

  #sleep(turn: number): void {
    const wakeUp = (): void => {
      if (turn === this.#turn) this.#restart();
    };
    let isAsleep = true;
    for (const session of this.#sessions.values()) isAsleep = session.sleep(wakeUp) && isAsleep;
    // There was something meanwhile; or nobody reads what was written, and rings stay full.
    if (!isAsleep) this.#timer = setTimeout(() => this.#loop(turn), INTERVAL_MS);
  }

  #realtimeAheadNs(): bigint {
    const nowMs = performance.now();
    if (nowMs - this.#clock.measuredMs >= CLOCK_MS) this.#clock = { aheadNs: realtimeAheadNs(), measuredMs: nowMs };
    return this.#clock.aheadNs;
  }
}
