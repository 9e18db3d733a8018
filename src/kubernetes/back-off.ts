/** How long to wait before the API is asked again. */
import type { Random } from '../env/random.ts';

/** After the first failure, and at most, in ms. Jitter makes it half as long to half as long again. */
const FIRST_MS = 500;
const LONGEST_MS = 30_000;

/** Longest that a server may ask for, in ms: it may be mistaken. */
const LONGEST_ASKED_MS = 120_000;

const RANDOM_RANGE = 2 ** 32;

/**
 * Twice as long each time, and never the same on all nodes: they must not come back together to a server that was away.
 *
 * @param failures in a row, from 1
 * @param askedMs what the server asks for; 0: nothing
 */
export function backOffMs(failures: number, askedMs: number, random: Random): number {
  const base = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(failures - 1, 16));
  const jittered = base * (0.5 + random.uint32() / RANDOM_RANGE);
  return Math.round(jittered) + Math.min(Math.max(0, askedMs), LONGEST_ASKED_MS);
}
