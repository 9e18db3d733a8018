import test from 'ava';
import * as fc from 'fast-check';
import ipaddr from 'ipaddr.js';
import { formatIpAddress, type IpAddress, parseIpAddress } from '../../src/wire/address.ts';
import {
  addressAt,
  comparePrefixes,
  formatPrefix,
  hostPrefix,
  parsePrefix,
  prefixContains,
  prefixCovers,
  prefixesOverlap,
} from '../../src/wire/prefix.ts';

for (const text of [
  '0.0.0.0/0',
  '10.244.1.0/24',
  '10.244.1.128/25',
  '10.244.1.5/32',
  '::/0',
  'fd00:10:244:1::/64',
  '::1/128',
]) {
  test(`${text} is a prefix`, (t) => {
    const prefix = parsePrefix(text)!;
    t.is(prefix.lengthBits, Number(text.split('/')[1]));
    t.is(formatPrefix(prefix), text);
  });
}

const refused = [
  '',
  '/',
  '/24',
  '10.244.1.0',
  '10.244.1.0/',
  '10.244.1.0/33',
  '::/129',
  '10.0.0.0/08',
  '10.0.0.0/-1',
  '10.0.0.0/8/8',
  '10.0.0.0/8 ',
  ' 10.0.0.0/8',
  '10.0.0.0/1e1',
  '10.0.0.0/255.0.0.0',
  'pods/24',
  '10.0.0/24',
  '0.0.0.0/00',
  '::/1000',
  '10.244.1.5/24',
  '10.244.1.64/25',
  '128.0.0.0/0',
  'fd00::1/127',
  'fd00:10::/16',
  '::1/0',
];
for (const text of refused) test(`${JSON.stringify(text)} is no prefix`, (t) => t.is(parsePrefix(text), undefined));

const contains = test.macro<[prefix: string, address: string, expected: boolean]>({
  exec: (t, prefix, address, expected) =>
    t.is(prefixContains(parsePrefix(prefix)!, parseIpAddress(address)!), expected),
  title: (_, prefix, address, expected) => `${prefix} ${expected ? 'contains' : 'does not contain'} ${address}`,
});

test(contains, '10.244.1.0/24', '10.244.1.0', true);
test(contains, '10.244.1.0/24', '10.244.1.255', true);
test(contains, '10.244.1.0/24', '10.244.2.0', false);
test(contains, '10.244.1.0/24', '10.244.0.255', false);
test(contains, '10.244.1.128/25', '10.244.1.127', false);
test(contains, '0.0.0.0/0', '255.1.2.3', true);
test(contains, '0.0.0.0/0', '::', false);
test(contains, '::/0', '10.0.0.1', false);
test(contains, 'fd00:10:244:1::/64', 'fd00:10:244:1:ffff::1', true);
test(contains, 'fd00:10:244:1::/64', 'fd00:10:244:2::1', false);

const pairs = test.macro<[outer: string, inner: string, covers: boolean, overlaps: boolean]>({
  exec(t, outer, inner, covers, overlaps) {
    const [a, b] = [parsePrefix(outer)!, parsePrefix(inner)!];
    t.is(prefixCovers(a, b), covers);
    t.is(prefixesOverlap(a, b), overlaps);
    t.is(prefixesOverlap(b, a), overlaps);
  },
  title: (_, outer, inner, covers, overlaps) =>
    `${outer} ${covers ? 'covers' : 'does not cover'} ${inner}, and they ${overlaps ? 'overlap' : 'do not overlap'}`,
});

test(pairs, '10.0.0.0/8', '10.244.1.0/24', true, true);
test(pairs, '10.244.1.0/24', '10.0.0.0/8', false, true);
test(pairs, '10.244.1.0/24', '10.244.1.0/24', true, true);
test(pairs, '10.244.1.0/24', '10.244.2.0/24', false, false);
test(pairs, '0.0.0.0/0', '::/0', false, false);
test(pairs, 'fd00::/16', 'fd00:10:244:1::/64', true, true);

test('prefixes are ordered by address, a short one before the longer', (t) => {
  const sorted = ['10.0.0.0/8', '10.0.0.0/16', '10.244.1.0/24', '::/0', 'fd00::/16', 'fd00::/64'];
  const prefixes = sorted.toReversed().map((text) => parsePrefix(text)!);
  prefixes.sort(comparePrefixes);
  t.deepEqual(prefixes.map(formatPrefix), sorted);
});

const offsets = test.macro<[prefix: string, offset: number, address: string | undefined]>({
  exec(t, prefix, offset, address) {
    const found = addressAt(parsePrefix(prefix)!, offset);
    t.is(found && formatIpAddress(found), address);
  },
  title: (_, prefix, offset, address) => `address ${offset} of ${prefix} is ${address ?? 'none'}`,
});

test(offsets, '10.244.1.0/24', 0, '10.244.1.0');
test(offsets, '10.244.1.0/24', 1, '10.244.1.1');
test(offsets, '10.244.1.0/24', 255, '10.244.1.255');
test(offsets, '10.244.1.0/24', 256, undefined);
test(offsets, '10.244.1.0/24', 65_536, undefined);
test(offsets, '10.244.1.128/25', 127, '10.244.1.255');
test(offsets, '10.244.1.128/25', 128, undefined);
test(offsets, '10.240.0.0/12', 65_537, '10.241.0.1');
test(offsets, '10.244.1.5/32', 0, '10.244.1.5');
test(offsets, '10.244.1.5/32', 1, undefined);
test(offsets, '0.0.0.0/0', 0xffff_ffff, '255.255.255.255');
test(offsets, '0.0.0.0/0', 0x1_0000_0000, undefined);
test(offsets, 'fd00:10:244:1::/64', 1, 'fd00:10:244:1::1');
test(offsets, 'fd00:10:244:1::/64', Number.MAX_SAFE_INTEGER, 'fd00:10:244:1:1f:ffff:ffff:ffff');
test(offsets, 'fd00::/120', 256, undefined);

test('an offset that is no whole number is refused', (t) => {
  const prefix = parsePrefix('10.244.1.0/24')!;
  for (const offset of [-1, 0.5, Number.NaN, Number.MAX_SAFE_INTEGER + 1]) {
    t.throws(() => addressAt(prefix, offset), { instanceOf: RangeError });
  }
});

test('an address of a prefix is a new value', (t) => {
  const prefix = parsePrefix('10.244.1.0/24')!;
  t.not(addressAt(prefix, 0)!.bytes, prefix.address.bytes);
  t.is(formatPrefix(prefix), '10.244.1.0/24');
});

test('the prefix of an address holds it alone', (t) => {
  t.is(formatPrefix(hostPrefix(parseIpAddress('10.244.1.5')!)), '10.244.1.5/32');
  t.is(formatPrefix(hostPrefix(parseIpAddress('fd00::5')!)), 'fd00::5/128');
});

test('containment agrees with ipaddr.js', (t) => {
  const octets = fc.constantFrom(4, 16).chain((length) =>
    fc.tuple(
      fc.uint8Array({ minLength: length, maxLength: length }),
      fc.nat({ max: length * 8 }),
      // Near the prefix's edge: one flipped bit.
      fc.nat({ max: length * 8 - 1 }),
    ),
  );
  fc.assert(
    fc.property(octets, ([base, lengthBits, flipped]) => {
      const family = base.length === 4 ? 4 : 6;
      const network = base.map((octet, index) => octet & (0xff00 >> Math.min(Math.max(lengthBits - index * 8, 0), 8)));
      const prefix = parsePrefix(`${formatIpAddress({ family, bytes: network })}/${lengthBits}`)!;
      const near: IpAddress = { family, bytes: base.slice() };
      near.bytes[flipped >>> 3] = near.bytes[flipped >>> 3]! ^ (0x80 >>> (flipped & 7));
      t.true(prefixContains(prefix, { family, bytes: base }));
      const oracle = ipaddr.fromByteArray([...near.bytes]);
      t.is(prefixContains(prefix, near), oracle.match(ipaddr.fromByteArray([...network]), lengthBits));
    }),
  );
});
