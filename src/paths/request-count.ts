/**
 * In which direction probes are lost: the peer says how many requests it has seen, and we know how many were sent.
 *
 *     sent       1  2  3  4  5  6
 *     replies    1  .  .  .  .  6: "I have seen 4"     two of four did not arrive there; the replies to the other two are lost
 */
export class RequestCount {
  #sent = 0;
  /** The last request up to which is known how many arrived, and how many more were sent than the peer had seen. */
  #known = 0;
  #surplus: number | undefined;
  #outShare: number | undefined;

  /** A request is sent; its ordinal. */
  sent(): number {
    return ++this.#sent;
  }

  /** The request with this ordinal was answered: the peer had seen `seen` requests, 32 bits, this one included. */
  replied(ordinal: number, seen: number): void {
    this.#learn(ordinal, seen, ordinal - 1 - this.#known);
  }

  /** The peer lets us know by another way that it has seen `seen` requests. */
  heard(seen: number): void {
    this.#learn(this.#sent, seen, this.#sent - this.#known);
  }

  /** Of the requests that were not answered, up to what was heard last: the share that did not arrive; `undefined` if unknown. */
  get outShare(): number | undefined {
    return this.#outShare;
  }

  /** Whether the peer says anything. */
  get isCounted(): boolean {
    return this.#surplus !== undefined;
  }

  /** @param unanswered how many requests it is about. */
  #learn(ordinal: number, seen: number, unanswered: number): void {
    if (ordinal <= this.#known) return;
    const surplus = (ordinal - seen) | 0;
    const lost = this.#surplus === undefined ? Infinity : (surplus - this.#surplus) | 0;
    this.#known = ordinal;
    this.#surplus = surplus;
    // A peer that began to count anew says nothing about what was before.
    if (lost > unanswered) this.#outShare = undefined;
    else if (unanswered > 0) this.#outShare = Math.max(0, lost) / unanswered;
  }
}
