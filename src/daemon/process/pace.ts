/** How much of its time the main thread may spend on making everything anew, whoever asks for it. */
import type { Clock } from '../../env/clock.ts';

/** After a piece of work, so many times as long as it took is left to other things: it gets a quarter of the time. */
const REST_FACTOR = 3;

/** One for all who have the same made anew: what one of them has done the others need not do at once again. */
export class Pace {
  readonly #clock: Clock;
  #freeMs = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** How long to wait before the next {@link run}, in ms. 0: not at all. Others may come first: ask again then. */
  get waitMs(): number {
    return Math.max(0, this.#freeMs - this.#clock.nowMs());
  }

  /** Does the work now. */
  run(work: () => void): void {
    const startedMs = this.#clock.nowMs();
    try {
      work();
    } finally {
      const endedMs = this.#clock.nowMs();
      this.#freeMs = endedMs + REST_FACTOR * (endedMs - startedMs);
    }
  }
}
