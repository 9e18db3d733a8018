/** How punctual the main thread is: gossip that acts late takes healthy nodes for dead ones, and is taken for dead itself. */
import { Histogram } from '@prometheus-io/client';
import type { Clock } from '../../env/clock.ts';

/** From a busy moment to what other nodes begin to notice, in seconds. */
const BUCKETS_SECONDS = [0.001, 0.002, 0.005, 0.01, 0.015, 0.02, 0.03, 0.04, 0.05, 0.075, 0.1, 0.25, 0.5, 1];

const MS_PER_SECOND = 1_000;

/** A clock that notes how late its timers run. */
export class TimerLateness implements Clock {
  readonly histogram: Histogram;
  readonly #clock: Clock;

  /** @param clock the one that it passes everything on to. */
  constructor(clock: Clock) {
    this.#clock = clock;
    this.histogram = new Histogram({
      name: 'weft_gossip_timer_lateness_seconds',
      help: 'How late timers of gossip run, because the main thread has something else to do.',
      buckets: BUCKETS_SECONDS,
      registers: [],
    });
  }

  nowMs(): number {
    return this.#clock.nowMs();
  }

  after(delayMs: number, action: () => void): void {
    const dueMs = this.#clock.nowMs() + delayMs;
    this.#clock.after(delayMs, () => {
      this.histogram.observe(Math.max(0, this.#clock.nowMs() - dueMs) / MS_PER_SECOND);
      action();
    });
  }
}
