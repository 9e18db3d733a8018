import test from 'ava';
import {
  offeredAt,
  offeredBy,
  parsePool,
  poolContains,
  poolOverlaps,
  poolsOverlap,
} from '../../src/services/address-pool.ts';
import { formatIpAddress, parseIpAddress } from '../../src/wire/address.ts';
import { parsePrefix } from '../../src/wire/prefix.ts';

const offers = test.macro({
  exec: (t, text: string, count: number, first: string, last: string) => {
    const pool = parsePool(text)!;
    t.is(offeredBy(pool), count);
    t.is(formatIpAddress(offeredAt(pool, 0)), first);
    t.is(formatIpAddress(offeredAt(pool, count - 1)), last);
    t.true(poolContains(pool, parseIpAddress(first)!));
    t.is(pool.text, text);
  },
  title: (_, text: string) => `addresses of ${text}`,
});

test(offers, '192.0.2.0/24', 254, '192.0.2.1', '192.0.2.254');
test(offers, '192.0.2.10-192.0.2.20', 11, '192.0.2.10', '192.0.2.20');
test(offers, '192.0.2.255-192.0.3.1', 3, '192.0.2.255', '192.0.3.1');
test(offers, '192.0.2.7/32', 1, '192.0.2.7', '192.0.2.7');
test(offers, '192.0.2.6/31', 2, '192.0.2.6', '192.0.2.7');
test(offers, '2001:db8::/64', 65_536, '2001:db8::1', '2001:db8::1:0');
test(offers, '2001:db8::10-2001:db8::1f', 16, '2001:db8::10', '2001:db8::1f');

for (const text of ['192.0.2.1', '192.0.2.20-192.0.2.10', '192.0.2.1-2001:db8::1', '192.0.2.1-', '192.0.2.1/24', ''])
  test(`${text} is no pool`, (t) => t.is(parsePool(text), undefined));

test('the first and last address of a prefix may be asked for', (t) => {
  for (const text of ['192.0.2.0', '192.0.2.7'])
    t.true(poolContains(parsePool('192.0.2.0/29')!, parseIpAddress(text)!));
});

test('what overlaps', (t) => {
  const pool = parsePool('192.0.2.10-192.0.2.20')!;
  const overlaps = (text: string): boolean => poolOverlaps(pool, parsePrefix(text)!);
  t.true(overlaps('192.0.2.0/24'));
  t.true(overlaps('192.0.2.16/32'));
  t.true(overlaps('192.0.2.8/30'));
  t.false(overlaps('192.0.2.0/29'));
  t.false(overlaps('2001:db8::/32'));
  t.true(poolsOverlap(pool, parsePool('192.0.2.20-192.0.2.30')!));
  t.true(poolsOverlap(pool, parsePool('192.0.2.1-192.0.2.254')!));
  t.false(poolsOverlap(pool, parsePool('192.0.2.21-192.0.2.30')!));
});
