import test from 'ava';
import { ClaimedPrefixes } from '../../src/routing/claimed-prefixes.ts';
import { prefixesOverlap } from '../../src/wire/prefix.ts';
import { prefix } from '../support/announcements.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';

const a = { name: 'a' };
const b = { name: 'b' };

const conflicts = test.macro({
  exec: (t, first: string, second: string, expected: boolean) => {
    const claimed = new ClaimedPrefixes<{ name: string }>();
    t.is(claimed.claim(prefix(first), a), undefined);
    t.is(claimed.claim(prefix(second), b), expected ? a : undefined);
    t.is(claimed.claim(prefix(second), expected ? a : b), undefined);
  },
  title: (_name, first: string, second: string, expected: boolean) =>
    `${second} ${expected ? 'overlaps' : 'lies beside'} ${first}`,
});

test(conflicts, '10.1.0.0/16', '10.1.0.0/16', true);
test(conflicts, '10.1.0.0/16', '10.1.2.0/24', true);
test(conflicts, '10.1.2.0/24', '10.1.0.0/16', true);
test(conflicts, '10.1.0.0/16', '10.2.0.0/16', false);
test(conflicts, '10.1.2.3/32', '10.1.2.3/32', true);
test(conflicts, '10.1.2.3/32', '10.1.2.2/32', false);
test(conflicts, '0.0.0.0/0', '10.0.0.0/8', true);
test(conflicts, '0.0.0.0/0', 'fd00::/8', false);
test(conflicts, 'fd00::/64', 'fd00::1/128', true);

for (const seed of [1, 2]) {
  test(`random claims agree with comparing each to each (seed ${seed})`, (t) => {
    const random = new SeededRandom(seed);
    for (let round = 0; round < 200; round++) {
      const claimed = new ClaimedPrefixes<object>();
      const taken: { owner: object; at: ReturnType<typeof prefix> }[] = [];
      const owners = [{}, {}, {}];
      for (let step = 0; step < 20; step++) {
        const lengthBits = random.below(9);
        const first = (random.below(256) >> (8 - lengthBits)) << (8 - lengthBits);
        const at = prefix(`${first & 0xff}.0.0.0/${lengthBits}`);
        const owner = owners[random.below(3)]!;
        const rivals = taken.filter((other) => other.owner !== owner && prefixesOverlap(other.at, at));
        const outcome = claimed.claim(at, owner);
        if (rivals.length === 0) taken.push({ owner, at });
        t.true(rivals.length === 0 ? outcome === undefined : rivals.some((rival) => rival.owner === outcome));
      }
    }
  });
}
