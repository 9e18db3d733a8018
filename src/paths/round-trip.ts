/** How long answers take: smoothed, least, and how long to wait for one (RFC 6298). */

/** RFC 6298, section 2: gains of the estimators, and how many deviations the wait allows for. */
const SMOOTHING = 1 / 8;
const DEVIATION_SMOOTHING = 1 / 4;
const DEVIATIONS = 4;

/** Probes that the least is taken of: it follows when a path gets longer. */
const WINDOW_PROBES = 100;

/** Before the first answer. Longer than most paths on Earth take; on a longer one the first answer comes late, and counts. */
const INITIAL_TIMEOUT_MS = 250;
/** A node that is busy answers late: below this, that would be taken for loss. */
const MIN_TIMEOUT_MS = 120;
const MAX_TIMEOUT_MS = 2_000;

/** Of one path. */
export class RoundTrip {
  #smoothedMs: number | undefined;
  #deviationMs = 0;
  #backoff = 1;
  readonly #window = new Float64Array(WINDOW_PROBES).fill(Infinity);
  #next = 0;

  /** Notes an answer that took `roundTripMs`. */
  note(roundTripMs: number): void {
    this.#backoff = 1;
    this.#window[this.#next] = roundTripMs;
    this.#next = (this.#next + 1) % WINDOW_PROBES;
    if (this.#smoothedMs === undefined) {
      this.#smoothedMs = roundTripMs;
      this.#deviationMs = roundTripMs / 2;
      return;
    }
    const error = roundTripMs - this.#smoothedMs;
    this.#deviationMs += (Math.abs(error) - this.#deviationMs) * DEVIATION_SMOOTHING;
    this.#smoothedMs += error * SMOOTHING;
  }

  /** Nothing was answered in time: wait longer the next time. */
  backOff(): void {
    if (this.timeoutMs < MAX_TIMEOUT_MS) this.#backoff *= 2;
  }

  /** Smoothed, in ms; `undefined` before the first answer. */
  get smoothedMs(): number | undefined {
    return this.#smoothedMs;
  }

  /** Least of the last {@link WINDOW_PROBES}, in ms. */
  get minMs(): number {
    return Math.min(...this.#window);
  }

  /** How long to wait for an answer, in ms. */
  get timeoutMs(): number {
    const expectedMs =
      this.#smoothedMs === undefined
        ? INITIAL_TIMEOUT_MS
        : Math.max(MIN_TIMEOUT_MS, this.#smoothedMs + DEVIATIONS * this.#deviationMs);
    return Math.min(MAX_TIMEOUT_MS, expectedMs * this.#backoff);
  }
}
