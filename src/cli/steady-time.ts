/** Wall-clock time for those who wait for it: set back, it would keep them waiting. */

export interface Clocks {
  /** Since 1970, in ms. */
  readonly wallMs: () => number;
  /** Any clock that does not jump, in ms. */
  readonly monotonicMs: () => number;
}

const systemClocks: Clocks = { wallMs: Date.now, monotonicMs: () => performance.now() };

/** Goes on where the clock is set back, and jumps where it is set forward. */
export class SteadyTime {
  readonly #clocks: Clocks;
  #nowMs = -Infinity;
  #readMs = 0;

  constructor(clocks: Clocks = systemClocks) {
    this.#clocks = clocks;
  }

  nowMs(): number {
    const monotonicMs = this.#clocks.monotonicMs();
    this.#nowMs = Math.max(this.#clocks.wallMs(), this.#nowMs + monotonicMs - this.#readMs);
    this.#readMs = monotonicMs;
    return this.#nowMs;
  }
}
