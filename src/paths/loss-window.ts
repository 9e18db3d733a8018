/** Which of the last probes were answered. */

/** Probes that a share is computed of. */
export const LOSS_WINDOW_PROBES = 100;

/** The last {@link LOSS_WINDOW_PROBES} probes. */
export class LossWindow {
  readonly #lost = new Uint8Array(LOSS_WINDOW_PROBES);
  #count = 0;
  #next = 0;
  #lostCount = 0;

  /** Notes what became of one more. */
  note(isAnswered: boolean): void {
    const lost = isAnswered ? 0 : 1;
    this.#lostCount += lost - this.#lost[this.#next]!;
    this.#lost[this.#next] = lost;
    this.#next = (this.#next + 1) % LOSS_WINDOW_PROBES;
    this.#count = Math.min(this.#count + 1, LOSS_WINDOW_PROBES);
  }

  /** Share that was lost, 0 to 1; `null` before the first. */
  get ratio(): number | null {
    return this.#count === 0 ? null : this.#lostCount / this.#count;
  }
}
