import test from 'ava';
import { longestMatch } from '../../src/routing/longest-match.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';
import type { IpAddress } from '../../src/wire/address.ts';
import { comparePrefixes, formatPrefix, type Prefix, parsePrefix, prefixContains } from '../../src/wire/prefix.ts';

const SEED = Number(process.env['SEED'] ?? 1);

/** Addresses that have much in common: only the last octets differ, and by few bits. */
function randomAddress(random: SeededRandom): IpAddress {
  const family = random.happens(0.5) ? 4 : 6;
  const bytes = new Uint8Array(family === 4 ? 4 : 16);
  bytes[0] = family === 4 ? 10 : 0xfd;
  for (let index = bytes.length - 2; index < bytes.length; index++) bytes[index] = random.pick([0, 1, 2, 3, 128, 255]);
  return { family, bytes };
}

function randomPrefix(random: SeededRandom): Prefix {
  const { family, bytes } = randomAddress(random);
  const bits = bytes.length * 8;
  const lengthBits = random.happens(0.2) ? random.below(bits + 1) : bits - random.below(17);
  const kept = bytes.map((octet, index) => octet & (0xff << Math.min(8, Math.max(0, 8 * (index + 1) - lengthBits))));
  return { address: { family, bytes: kept }, lengthBits };
}

test(`finds what a look at all prefixes finds (seed ${SEED})`, (t) => {
  const random = new SeededRandom(SEED);
  let found = 0;
  for (let run = 0; run < 500; run++) {
    const drawn = Array.from({ length: random.below(30) }, () => randomPrefix(random));
    const unique = [...new Map(drawn.map((prefix) => [formatPrefix(prefix), prefix])).values()];
    const routes = unique.sort(comparePrefixes).map((prefix) => ({ prefix }));
    for (let index = 0; index < 20; index++) {
      const address = randomAddress(random);
      const containing = routes.filter(({ prefix }) => prefixContains(prefix, address));
      const wanted = containing.sort((a, b) => b.prefix.lengthBits - a.prefix.lengthBits)[0];
      const match = routes[longestMatch(routes, address)];
      if (match !== wanted)
        t.fail(`${address.bytes.join()} among ${routes.map(({ prefix }) => formatPrefix(prefix)).join()}`);
      if (match !== undefined) found++;
    }
  }
  t.true(found > 1_000);
});

test('finds nothing where there is nothing', (t) => {
  t.is(longestMatch([], { family: 4, bytes: Uint8Array.of(10, 0, 0, 1) }), -1);
  const routes = [{ prefix: parsePrefix('0.0.0.0/0')! }, { prefix: parsePrefix('fd00::/8')! }];
  t.is(longestMatch(routes, { family: 4, bytes: Uint8Array.of(10, 0, 0, 1) }), 0);
  t.is(longestMatch(routes, { family: 6, bytes: new Uint8Array(16) }), -1);
});
