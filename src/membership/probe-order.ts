/** Whose turn it is to be probed. */
import type { Random } from '../env/random.ts';
import { drawIndex, drawSome } from './draw.ts';

/**
 * Round robin over a shuffled list that is shuffled anew after each round, and newcomers at a random place: nobody waits
 * longer than two rounds (SWIM, section 4.3).
 */
export class ProbeOrder {
  readonly #random: Random;
  #order: string[] = [];
  #next = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  /** The next of `candidates`; `undefined` if there are none. Those who joined or went since are taken in or left out. */
  next(candidates: readonly string[]): string | undefined {
    this.#follow(candidates);
    if (this.#order.length === 0) return undefined;
    if (this.#next >= this.#order.length) {
      this.#order = drawSome(this.#random, this.#order, this.#order.length);
      this.#next = 0;
    }
    return this.#order[this.#next++];
  }

  #follow(candidates: readonly string[]): void {
    const wanted = new Set(candidates);
    const probedBefore = this.#next;
    this.#order = this.#order.filter((identity, index) => {
      const stays = wanted.delete(identity);
      if (!stays && index < probedBefore) this.#next--;
      return stays;
    });
    for (const identity of wanted) {
      const place = drawIndex(this.#random, this.#order.length + 1);
      this.#order.splice(place, 0, identity);
      if (place < this.#next) this.#next++;
    }
  }
}
