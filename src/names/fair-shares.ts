/**
 * Places that are few, given out so that nobody who takes many leaves the others without.
 *
 * Chosen: a place is given to whoever has fewer than half as many as are free. One that takes all it can get stops at a third of all
 * places; N that do so come to have N of N + 2 parts, as what they give back is not theirs to take again: somebody who has none finds
 * one. Instead of: a fixed number for each, which is too small for one alone, or too large for many.
 */
export class FairShares {
  readonly #most: number;
  readonly #mostEach: number;
  readonly #held = new Map<string, number>();
  #taken = 0;

  /** @param mostEach however many are free. */
  constructor(most: number, mostEach: number) {
    this.#most = most;
    this.#mostEach = mostEach;
  }

  get taken(): number {
    return this.#taken;
  }

  /** Takes a place for `holder`, if it may have one more: {@link release} it. */
  take(holder: string): boolean {
    const held = this.#held.get(holder) ?? 0;
    const free = this.#most - this.#taken;
    if (free <= 0 || held >= this.#mostEach || (held > 0 && held >= free / 2)) return false;
    this.#held.set(holder, held + 1);
    this.#taken++;
    return true;
  }

  /** Gives one back that was taken. */
  release(holder: string): void {
    const left = (this.#held.get(holder) ?? 0) - 1;
    if (left < 0) throw new RangeError(`${holder} has no place to give back`);
    this.#taken--;
    if (left === 0) this.#held.delete(holder);
    else this.#held.set(holder, left);
  }
}
