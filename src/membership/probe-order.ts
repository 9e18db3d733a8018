/** Whose turn it is to be probed. */
import type { Random } from '../env/random.ts';
import { drawIndex } from './draw.ts';

/**
 * Round robin in an order that is drawn anew for each round, newcomers at a random place in it: nobody waits longer than
 * two rounds (SWIM, section 4.3). A turn costs the same however many there are.
 *
 *     | had their turn in this round | still to come, in no order yet |
 *     0                              next                            length
 */
export class ProbeOrder {
  readonly #random: Random;
  readonly #identities: string[] = [];
  readonly #places = new Map<string, number>();
  #next = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  /** How many take part. */
  get size(): number {
    return this.#identities.length;
  }

  /** Takes part from now on, and still has a turn in this round; unless it does already. */
  insert(identity: string): void {
    if (this.#places.has(identity)) return;
    this.#put(this.#identities.length, identity);
  }

  /** Takes part no longer. */
  delete(identity: string): void {
    let gap = this.#places.get(identity);
    if (gap === undefined) return;
    this.#places.delete(identity);
    if (gap < this.#next) {
      // The last of those who had their turn fills the gap, so that the two parts stay apart.
      this.#next--;
      this.#move(this.#next, gap);
      gap = this.#next;
    }
    this.#move(this.#identities.length - 1, gap);
    this.#identities.pop();
  }

  /** Whose turn it is; `undefined` if there is nobody. */
  next(): string | undefined {
    if (this.#identities.length === 0) return undefined;
    if (this.#next >= this.#identities.length) this.#next = 0;
    const drawn = this.#next + drawIndex(this.#random, this.#identities.length - this.#next);
    const identity = this.#identities[drawn]!;
    this.#move(this.#next, drawn);
    this.#put(this.#next++, identity);
    return identity;
  }

  #move(from: number, to: number): void {
    if (from !== to) this.#put(to, this.#identities[from]!);
  }

  #put(place: number, identity: string): void {
    this.#identities[place] = identity;
    this.#places.set(identity, place);
  }
}
