/** How fast bytes may go: at a rate in the long run, and at once as long as a burst is not used up. Time is passed in. */
export class BytePace {
  readonly #bytesPerMs: number;
  readonly #burstMs: number;
  /** When all that went would have gone at the rate. */
  #paidMs = -Infinity;

  /** @param burstBytes what may go at once after a pause. */
  constructor(bytesPerSecond: number, burstBytes: number) {
    this.#bytesPerMs = bytesPerSecond / 1_000;
    this.#burstMs = burstBytes / this.#bytesPerMs;
  }

  /** Books `lengthBytes` that are about to go, and gives for how long they have to wait, in ms. */
  book(lengthBytes: number, nowMs: number): number {
    this.#paidMs = Math.max(this.#paidMs, nowMs - this.#burstMs) + lengthBytes / this.#bytesPerMs;
    return Math.max(0, this.#paidMs - nowMs);
  }
}
