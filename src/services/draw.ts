/** Numbers at random, of which the first that will do is taken. */
import type { Random } from '../env/random.ts';

/** How often one is drawn at random before all are gone through. */
const DRAWS = 32;

/** Numbers below `count`: some at random, and then all. */
export function* drawn(count: number, random: Random): Iterable<number> {
  const draws = count > 0 ? DRAWS : 0;
  for (let draw = 0; draw < draws; draw++) yield random.uint32() % count;
  for (let index = 0; index < count; index++) yield index;
}
