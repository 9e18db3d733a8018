/** Drawing lots from injected randomness. */
import type { Random } from '../env/random.ts';

/** A uniform index, 0 to `count` - 1. `count` is 1 to 2^32. */
export function drawIndex(random: Random, count: number): number {
  return Math.floor((random.uint32() / 0x1_0000_0000) * count);
}

/** Up to `count` different items, in random order. `items` stays as it is. */
export function drawSome<T>(random: Random, items: readonly T[], count: number): T[] {
  const pool = [...items];
  const drawn = Math.min(count, pool.length);
  for (let index = 0; index < drawn; index++) {
    const other = index + drawIndex(random, pool.length - index);
    [pool[index], pool[other]] = [pool[other]!, pool[index]!];
  }
  return pool.slice(0, drawn);
}

/** `delayMs` give or take a tenth, so that nodes which started together do not stay in step. */
export function jitter(random: Random, delayMs: number): number {
  return delayMs * (0.9 + (0.2 * random.uint32()) / 0x1_0000_0000);
}
