/** The captures that run in this thread, and the loop that drains their rings: busy while there is something, and else idle. */
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
const IDLE_MS = 10;
/** How often to look at the wall clock, in ms: somebody may set it. */
const CLOCK_MS = 1_000;

export class CaptureSessions {
  readonly names = new CaptureNames();
  readonly #options: CaptureSessionsOptions;
  readonly #sessions = new Map<number, CaptureSession>();
  #timer: NodeJS.Timeout | undefined;
  #isLooping = false;
  /** CLOCK_REALTIME minus CLOCK_MONOTONIC, and when it was measured. */
  #clock = { aheadNs: 0n, measuredMs: -Infinity };

  constructor(options: CaptureSessionsOptions) {
    this.#options = options;
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
    if (!this.#isLooping) this.#loop();
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
  }

  #loop(): void {
    this.#isLooping = this.#sessions.size > 0;
    if (!this.#isLooping) return;
    const aheadNs = this.#realtimeAheadNs();
    let isBusy = false;
    for (const session of this.#sessions.values()) isBusy = session.drain(aheadNs) || isBusy;
    // Behind those who wait to read and write: clients, and the main thread.
    if (isBusy) setImmediate(() => this.#loop());
    else this.#timer = setTimeout(() => this.#loop(), IDLE_MS);
  }

  #realtimeAheadNs(): bigint {
    const nowMs = performance.now();
    if (nowMs - this.#clock.measuredMs >= CLOCK_MS) this.#clock = { aheadNs: realtimeAheadNs(), measuredMs: nowMs };
    return this.#clock.aheadNs;
  }
}
