/** Whether all nodes hold the same rulebook, and since when. */

export class RulebookAgreement {
  readonly #nowMs: () => number;
  /** What each node that runs holds: its digest. */
  readonly #held = new Map<number, string>();
  /** How many hold the same. */
  readonly #holders = new Map<string, number>();
  #differSinceMs = 0;
  /** How long each time until all held the same, in ms, in order. A change that another overtook counts with that. */
  spreadMs: number[] = [];

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  get isReached(): boolean {
    return this.#holders.size <= 1;
  }

  /** A node runs, and holds this from now on. */
  hold(number: number, digest: string): void {
    this.#replace(number, digest);
  }

  /** A node does not run any more. */
  end(number: number): void {
    this.#replace(number, undefined);
  }

  #replace(number: number, digest: string | undefined): void {
    const wasReached = this.isReached;
    const before = this.#held.get(number);
    if (digest !== undefined) {
      this.#held.set(number, digest);
      this.#holders.set(digest, (this.#holders.get(digest) ?? 0) + 1);
    } else this.#held.delete(number);
    if (before !== undefined) {
      const others = this.#holders.get(before)! - 1;
      if (others === 0) this.#holders.delete(before);
      else this.#holders.set(before, others);
    }
    if (wasReached && !this.isReached) this.#differSinceMs = this.#nowMs();
    if (!wasReached && this.isReached) this.spreadMs.push(this.#nowMs() - this.#differSinceMs);
  }
}
