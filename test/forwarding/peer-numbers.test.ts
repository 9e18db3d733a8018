import test from 'ava';
import { PeerNumbers } from '../../src/forwarding/peer-numbers.ts';

test('a peer keeps its number', (t) => {
  const numbers = new PeerNumbers();
  const first = numbers.of('a');
  numbers.of('b');
  t.is(numbers.of('a'), first);
});

test('0 is this node and no peer', (t) => {
  t.is(new PeerNumbers().of('a'), 1);
});

test('looking for a number gives none out', (t) => {
  const numbers = new PeerNumbers();
  t.is(numbers.find('a'), 0);
  t.is(numbers.of('b'), 1);
  t.is(numbers.find('b'), 1);
});

test('the number of a peer that went is not given to the next newcomer', (t) => {
  const numbers = new PeerNumbers();
  const gone = numbers.of('a');
  numbers.keepOnly(new Set());
  t.not(numbers.of('b'), gone);
});

test('numbers come round again when all were used, and running out has a name', (t) => {
  const numbers = new PeerNumbers();
  for (let peer = 1; peer <= 65_535; peer++) numbers.of(`${peer}`);
  t.throws(() => numbers.of('one too many'), { code: 'too-many-peers' });
  numbers.keepOnly(new Set(Array.from({ length: 65_534 }, (_, index) => `${index + 2}`)));
  t.is(numbers.of('newcomer'), 1);
});
