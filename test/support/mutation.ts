/** Damage for fuzzing: what a broken, hostile or cut-off sender might send instead of `original`. */
import type { SeededRandom } from '../../src/sim/seeded-random.ts';

/** Headers are changed as often as everything else. */
const HEADER_BYTES = 80;

/** A copy of `original` with a few octets changed, flipped, cut off or added. */
export function mutated(random: SeededRandom, original: Uint8Array): Uint8Array {
  let octets = original.slice();
  for (let changes = random.below(4); changes >= 0 && octets.length > 0; changes--) {
    const at = random.below(random.below(2) === 0 ? octets.length : Math.min(octets.length, HEADER_BYTES));
    const how = random.below(8);
    if (how < 4) octets[at] = pick(random, [0, 1, 0x7f, 0x80, 0xff, random.below(256)]);
    else if (how < 6) octets[at]! ^= 1 << random.below(8);
    else if (how === 6) octets = octets.slice(0, at);
    else octets = Uint8Array.from([...octets, ...random.bytes(random.below(32))]);
  }
  return octets;
}

/** One of `choices`. */
export function pick<T>(random: SeededRandom, choices: readonly T[]): T {
  return choices[random.below(choices.length)]!;
}
