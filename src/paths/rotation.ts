/** Whose turn it is among peers without traffic: so many at a time, one after the other, whatever their number. */
import type { Random } from '../env/random.ts';

/** How many peers have their turn at once. */
export const ROTATION_PEERS = 8;

export class Rotation {
  readonly #random: Random;
  /** Those to come, the next one first. */
  #waiting: number[] = [];
  #current = new Set<number>();

  /** @param random nodes that know the same peers must not all look at the same ones at a time. */
  constructor(random: Random) {
    this.#random = random;
  }

  /** Takes a peer in. If there is room, it has its turn at once. */
  add(peer: number): void {
    if (this.#current.size < ROTATION_PEERS) {
      this.#current.add(peer);
      return;
    }
    const at = this.#random.uint32() % (this.#waiting.length + 1);
    this.#waiting.push(peer);
    [this.#waiting[at], this.#waiting[this.#waiting.length - 1]] = [peer, this.#waiting[at]!];
  }

  /** Takes a peer out. */
  delete(peer: number): void {
    if (this.#current.delete(peer)) this.#fill();
    else this.#waiting = this.#waiting.filter((other) => other !== peer);
  }

  /** Whether it is the turn of `peer`. */
  has(peer: number): boolean {
    return this.#current.has(peer);
  }

  /** The turn of those who have it is over, as far as others wait. */
  turn(): void {
    if (this.#waiting.length === 0) return;
    const over = [...this.#current];
    this.#current = new Set();
    this.#waiting.push(...over);
    this.#fill();
  }

  #fill(): void {
    const room = ROTATION_PEERS - this.#current.size;
    for (const peer of this.#waiting.splice(0, room)) this.#current.add(peer);
  }
}
