import test from 'ava';
import { Dissemination, transmitLimit } from '../../src/membership/dissemination.ts';
import { defaultParameters } from '../../src/membership/parameters.ts';

const isSent = test.macro({
  exec: (t, clusterSize: number, times: number) => t.is(transmitLimit(defaultParameters, clusterSize), times),
  title: (_name, clusterSize: number, times: number) =>
    `in a cluster of ${clusterSize} each claim is sent ${times} times`,
});

test(isSent, 1, 6);
test(isSent, 3, 7);
test(isSent, 10, 9);
test(isSent, 100, 13);
test(isSent, 1_000, 17);

function news(fill: number, lengthBytes = 30): Uint8Array {
  return new Uint8Array(lengthBytes).fill(fill);
}

test('what was sent as often as it should be is dropped', (t) => {
  const queue = new Dissemination(defaultParameters);
  queue.enqueue('a', news(1), false);
  for (let sent = 0; sent < 7; sent++) t.deepEqual(queue.take(1_000, 3), [news(1)]);
  t.deepEqual(queue.take(1_000, 3), []);
  t.is(queue.length, 0);
});

test('what was sent least often goes first', (t) => {
  const queue = new Dissemination(defaultParameters);
  queue.enqueue('a', news(1), false);
  queue.enqueue('b', news(2), false);
  t.deepEqual(queue.take(40, 3), [news(1)]);
  t.deepEqual(queue.take(40, 3), [news(2)]);
  queue.enqueue('c', news(3), false);
  t.deepEqual(queue.take(40, 3), [news(3)]);
});

test('newer news of a member takes the place of the older, and counts anew', (t) => {
  const queue = new Dissemination(defaultParameters);
  queue.enqueue('a', news(1), true);
  queue.take(1_000, 3);
  queue.enqueue('a', news(2), false);
  t.is(queue.length, 1);
  t.false(queue.holdsAnnouncement('a'));
  for (let sent = 0; sent < 7; sent++) t.deepEqual(queue.take(1_000, 3), [news(2)]);
});

test('tag and length of each claim count towards the budget', (t) => {
  const queue = new Dissemination(defaultParameters);
  queue.enqueue('a', news(1, 200), false);
  t.deepEqual(queue.take(202, 3), []);
  t.deepEqual(queue.take(203, 3), [news(1, 200)]);
});

test('news that does not fit lets smaller news pass', (t) => {
  const queue = new Dissemination(defaultParameters);
  queue.enqueue('a', news(1, 500), true);
  queue.enqueue('b', news(2), false);
  t.deepEqual(queue.take(100, 3), [news(2)]);
});
