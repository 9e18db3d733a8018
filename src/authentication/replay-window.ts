/** Which counters of one sender were seen: a sliding window, as in IPsec (RFC 4303, section 3.4.3). */

/**
 * Counters that are remembered below the highest. A node sends some 30 datagrams per second to all others together, so
 * that one which is late by half a minute is still told from one that comes twice.
 */
export const WINDOW_COUNTERS = 1_024;

const WORD_BITS = 32;

export class ReplayWindow {
  #highest = -1;
  readonly #seen = new Uint32Array(WINDOW_COUNTERS / WORD_BITS);

  /** Whether `counter`, 0 to 2^48 - 1, is neither seen nor too old to tell. */
  isFresh(counter: number): boolean {
    if (counter > this.#highest) return true;
    if (counter <= this.#highest - WINDOW_COUNTERS) return false;
    return (this.#seen[wordOf(counter)]! & bitOf(counter)) === 0;
  }

  /** Remembers `counter`. Only to be called for what was authenticated: others must not move the window. */
  accept(counter: number): void {
    if (counter > this.#highest) {
      const first = Math.max(this.#highest + 1, counter - WINDOW_COUNTERS + 1);
      for (let skipped = first; skipped < counter; skipped++) this.#seen[wordOf(skipped)]! &= ~bitOf(skipped);
      this.#highest = counter;
    }
    this.#seen[wordOf(counter)]! |= bitOf(counter);
  }
}

function wordOf(counter: number): number {
  return Math.floor((counter % WINDOW_COUNTERS) / WORD_BITS);
}

function bitOf(counter: number): number {
  return 1 << (counter % WORD_BITS);
}
