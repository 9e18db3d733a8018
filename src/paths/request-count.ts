/**
 * In which direction probes are lost: the peer says how many requests it has seen, and we know how many were sent.
 *
 *     sent       1  2  3  4  5  6
 *     replies    1  .  .  .  .  6: "I have seen 4"     two of four did not arrive there; the replies to the other two are lost
 *
 * Only what it says while no other request is on its way is believed: requests that leave by several sockets overtake each
 * other, and one that the peer has not seen yet looks like one that it will never see.
 */

/** What was sent so long ago, in ms, has arrived, or is lost. */
const SETTLED_MS = 500;

/** Of one path. */
export class RequestCount {
  #sent = 0;
  /** Of those, the ones that this node's own kernel refused. */
  #refused = 0;
  #answered = 0;
  #lastSentMs = -Infinity;
  /** The last request, if all before it had arrived or were lost when it was sent; otherwise 0. */
  #lone = 0;
  /** How things stood when the peer was last believed. */
  #base: { readonly departed: number; readonly answered: number; readonly seen: number } | undefined;
  #outShare: number | undefined;

  /** A request is sent; its ordinal. */
  sent(nowMs: number): number {
    const isLone = this.#unanswered <= 0 || this.#isSettled(nowMs);
    this.#lastSentMs = nowMs;
    this.#sent++;
    this.#lone = isLone ? this.#sent : 0;
    return this.#sent;
  }

  /** A request that was to be sent did not leave. */
  refused(): void {
    this.#refused++;
  }

  /**
   * The request with this ordinal was answered: the peer had seen `seen` requests, 32 bits, this one included.
   *
   * @returns whether that tells what became of those before.
   */
  replied(ordinal: number, seen: number): boolean {
    this.#answered++;
    if (ordinal !== this.#lone) return false;
    this.#believe(seen);
    return true;
  }

  /** The peer lets us know by another way that it has seen `seen` requests. @returns as {@link replied}. */
  heard(seen: number, nowMs: number): boolean {
    if (!this.#isSettled(nowMs)) return false;
    this.#believe(seen);
    return true;
  }

  /**
   * Of the requests that were not answered, between the last two times that the peer was believed: the share that did not arrive;
   * `undefined` if there were none, or it is unknown.
   */
  get outShare(): number | undefined {
    return this.#outShare;
  }

  #believe(seen: number): void {
    const departed = this.#departed;
    const unanswered = this.#unanswered;
    const base = this.#base;
    const lost = base === undefined ? Infinity : departed - base.departed - ((seen - base.seen) | 0);
    this.#base = { departed, answered: this.#answered, seen };
    // A peer that began to count anew says nothing about what was before.
    this.#outShare = unanswered <= 0 || lost > unanswered ? undefined : Math.max(0, lost) / unanswered;
  }

  get #departed(): number {
    return this.#sent - this.#refused;
  }

  /** Since the peer was last believed. */
  get #unanswered(): number {
    return this.#departed - (this.#base?.departed ?? 0) - (this.#answered - (this.#base?.answered ?? 0));
  }

  #isSettled(nowMs: number): boolean {
    return nowMs - this.#lastSentMs >= SETTLED_MS;
  }
}
