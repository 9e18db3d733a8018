/** Randomness that can be had again. */
import type { Random } from '../env/random.ts';

/** Numbers that are drawn and thrown away first: until then, similar seeds show. */
const WARM_UP = 12;

/** The generator "sfc32" of PractRand: 128 bits of state, so that thousands of nodes can each have one of their own. */
export class SeededRandom implements Random {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  /** The stream number makes several independent generators of one seed. Both are 32 bits. */
  constructor(seed: number, stream = 0) {
    this.#a = seed | 0;
    this.#b = stream | 0;
    this.#c = 0x9e_37_79_b9 | 0;
    for (let drawn = 0; drawn < WARM_UP; drawn++) this.uint32();
  }

  uint32(): number {
    const result = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + result) | 0;
    return result >>> 0;
  }

  /** Uniform, 0 to below 1. */
  fraction(): number {
    return this.uint32() / 0x1_0000_0000;
  }

  /** Uniform, `least` to below `most`. */
  between(least: number, most: number): number {
    return least + this.fraction() * (most - least);
  }

  /** Uniform integer, 0 to `count` - 1. */
  below(count: number): number {
    return Math.floor(this.fraction() * count);
  }

  /** Whether something of this probability happens. Draws nothing if it cannot. */
  happens(probability: number): boolean {
    return probability > 0 && this.fraction() < probability;
  }

  /** One of several. */
  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)]!;
  }

  /** `count` different items in random order, or all there are. */
  some<T>(items: readonly T[], count: number): T[] {
    const pool = [...items];
    const drawn = Math.min(count, pool.length);
    for (let index = 0; index < drawn; index++) {
      const other = index + this.below(pool.length - index);
      [pool[index], pool[other]] = [pool[other]!, pool[index]!];
    }
    return pool.slice(0, drawn);
  }

  /** `count` uniform bytes. */
  bytes(count: number): Uint8Array {
    return Uint8Array.from({ length: count }, () => this.below(256));
  }
}
