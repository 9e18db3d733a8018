/** Drawing lots from injected randomness. */
import type { Random } from '../env/random.ts';

/** A uniform index, 0 to `count` - 1. `count` is 1 to 2^32. */
export function drawIndex(random: Random, count: number): number {
  return Math.floor((random.uint32() / 0x1_0000_0000) * count);
}

/**
 * Up to `count` different items, in random order. `items` stays as it is, and its length costs nothing: of the shuffle
 * (Fisher and Yates) only the places that it touched are kept.
 */
export function drawSome<T>(random: Random, items: readonly T[], count: number): T[] {
  const moved = new Map<number, T>();
  const drawn: T[] = [];
  for (let index = 0; index < count && index < items.length; index++) {
    const other = index + drawIndex(random, items.length - index);
    drawn.push(moved.get(other) ?? items[other]!);
    moved.set(other, moved.get(index) ?? items[index]!);
  }
  return drawn;
}

/** `delayMs` give or take a tenth, so that nodes which started together do not stay in step. */
export function jitter(random: Random, delayMs: number): number {
  return delayMs * (0.9 + (0.2 * random.uint32()) / 0x1_0000_0000);
}
