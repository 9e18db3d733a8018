/** An answer that costs something, and that many may ask for. */

export interface SpacedAnswerOptions<Answer> {
  readonly find: () => Promise<Answer>;
  /** How long an answer is good for, from when it is there. */
  readonly goodForMs: number;
  readonly nowMs: () => number;
}

/** Is found once for all who ask at one time, and for those who ask soon after. */
export class SpacedAnswer<Answer> {
  readonly #options: SpacedAnswerOptions<Answer>;
  #latest: { readonly answer: Promise<Answer>; endMs: number } | undefined;

  constructor(options: SpacedAnswerOptions<Answer>) {
    this.#options = options;
  }

  /** An answer that is a little old, perhaps. */
  async get(): Promise<Answer> {
    const latest = this.#latest;
    return latest !== undefined && this.#options.nowMs() < latest.endMs ? latest.answer : this.getFresh();
  }

  /** One of now, which those get as well who ask from now on. */
  async getFresh(): Promise<Answer> {
    const { find, goodForMs, nowMs } = this.#options;
    const latest = { answer: find(), endMs: Infinity };
    this.#latest = latest;
    try {
      const answer = await latest.answer;
      latest.endMs = nowMs() + goodForMs;
      return answer;
    } catch (error) {
      latest.endMs = -Infinity;
      throw error;
    }
  }
}
