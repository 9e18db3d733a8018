/** Whether anything comes back over a way at all, whatever its size. */

export class Liveness {
  /** When the first probe was sent after the last answer. */
  #unansweredSinceMs: number | undefined;
  /** When the first answer came after the last silence. */
  #answeringSinceMs: number | undefined;
  #answeredRounds = 0;

  /** Probes are sent. */
  sent(nowMs: number): void {
    this.#unansweredSinceMs ??= nowMs;
  }

  /** One of them was answered, whether in time or not. */
  answered(nowMs: number): void {
    this.#unansweredSinceMs = undefined;
    this.#answeringSinceMs ??= nowMs;
  }

  /** A round of probes is over. */
  judged(isAnswered: boolean): void {
    if (isAnswered) {
      this.#answeredRounds++;
      return;
    }
    this.#answeredRounds = 0;
    this.#answeringSinceMs = undefined;
  }

  /** Nothing was sent for a while: that is no silence of the peer. */
  resumed(): void {
    this.#unansweredSinceMs = undefined;
  }

  /** For how long nothing has come back for what was sent, in ms. */
  silentMs(nowMs: number): number {
    return this.#unansweredSinceMs === undefined ? 0 : nowMs - this.#unansweredSinceMs;
  }

  /** For how long no round has been without an answer, in ms. */
  answeringMs(nowMs: number): number {
    return this.#answeringSinceMs === undefined ? 0 : nowMs - this.#answeringSinceMs;
  }

  /** Rounds in a row that were answered. */
  get answeredRounds(): number {
    return this.#answeredRounds;
  }
}
