import test from 'ava';
import { prefixRank } from '../../src/routing/prefix-rank.ts';
import { comparePrefixes } from '../../src/wire/prefix.ts';
import { prefix } from '../support/announcements.ts';

const inOrder = [
  '0.0.0.0/0',
  '0.0.0.0/1',
  '10.0.0.0/8',
  '10.0.0.0/32',
  '10.0.0.1/32',
  '128.0.0.0/1',
  '255.255.255.255/32',
  '::/0',
  '0:0:1::/48',
  'fd00:10:244::/48',
  'fd00:10:245::/48',
  'ffff:ffff:ffff::/48',
];

test('ranks are in the order of their prefixes', (t) => {
  const prefixes = inOrder.map(prefix);
  t.deepEqual(prefixes.toSorted(comparePrefixes), prefixes);
  const ranks = prefixes.map(prefixRank);
  t.deepEqual(
    ranks.toSorted((a, b) => a - b),
    ranks,
  );
  t.is(new Set(ranks).size, ranks.length);
  t.true(ranks.every(Number.isSafeInteger));
});

test('only IPv6 prefixes with the same 48 bits have the same rank', (t) => {
  t.is(prefixRank(prefix('fd00:10:244:1::/64')), prefixRank(prefix('fd00:10:244::/48')));
});
