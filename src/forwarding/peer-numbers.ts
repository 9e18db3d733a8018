/**
 * Small numbers for peers, as the workers' tables need them: 1 to 65535, stable as long as the daemon runs.
 *
 * A number is given out again only when all others were used: counters are kept by it, and a packet in flight through
 * the previous generation of the table must not be booked on a newcomer.
 */
import { ExhaustedError } from '../errors.ts';

const MAX_PEERS = 65_535;

export class PeerNumbers {
  readonly #numbers = new Map<string, number>();
  readonly #taken = new Set<number>();
  #last = 0;

  /** Number of the peer called `key` (an identity, or `static:NAME`). @throws ExhaustedError beyond 65535 peers. */
  of(key: string): number {
    const known = this.#numbers.get(key);
    if (known !== undefined) return known;
    if (this.#taken.size === MAX_PEERS)
      throw new ExhaustedError('too-many-peers', `this node already has ${MAX_PEERS} peers`);
    do this.#last = (this.#last % MAX_PEERS) + 1;
    while (this.#taken.has(this.#last));
    this.#numbers.set(key, this.#last);
    this.#taken.add(this.#last);
    return this.#last;
  }

  /** As {@link of}, but 0 for a peer that has none: it is given none. */
  find(key: string): number {
    return this.#numbers.get(key) ?? 0;
  }

  /** Forgets every peer that is not in `keys`. */
  keepOnly(keys: ReadonlySet<string>): void {
    for (const [key, number] of this.#numbers) {
      if (keys.has(key)) continue;
      this.#numbers.delete(key);
      this.#taken.delete(number);
    }
  }
}
