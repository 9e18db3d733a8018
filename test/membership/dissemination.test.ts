import test from 'ava';
import { withAnnouncementAge, type EncodedField } from '../../src/membership/claim-codec.ts';
import { DatagramTag } from '../../src/membership/codec.ts';
import { Dissemination, transmitLimit, type News } from '../../src/membership/dissemination.ts';
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

function claim(fill: number, lengthBytes = 30): EncodedField {
  return { tag: DatagramTag.claim, bytes: new Uint8Array(lengthBytes).fill(fill) };
}

/** News without an announcement. */
function news(about: string, fill: number, lengthBytes = 30): News {
  return { about, ...claim(fill, lengthBytes), announcedMs: undefined };
}

test('what was sent as often as it should be is dropped', (t) => {
  const queue = new Dissemination(defaultParameters);
  queue.enqueue(news('a', 1), 0);
  for (let sent = 0; sent < 7; sent++) t.deepEqual(queue.take(1_000, 3, 0), [claim(1)]);
  t.deepEqual(queue.take(1_000, 3, 0), []);
  t.is(queue.length, 0);
});

test('a datagram has no more changes of pods and directives than a receiver takes; the rest goes with the next', (t) => {
  const queue = new Dissemination(defaultParameters);
  for (const tag of [DatagramTag.podChange, DatagramTag.directive, DatagramTag.claim]) {
    for (let at = 0; at < 20; at++) queue.enqueue({ ...news(`${tag}/${at}`, 1, 10), tag }, 0);
  }
  const counts = [1, 2].map(() => {
    const taken = queue.take(10_000, 3, 0);
    return [DatagramTag.podChange, DatagramTag.directive, DatagramTag.claim].map(
      (tag) => taken.filter((one) => one.tag === tag).length,
    );
  });
  t.deepEqual(counts[0], [12, 16, 20]);
  t.is(queue.take(10_000, 3, 0).filter(({ tag }) => tag === DatagramTag.podChange).length, 12);
});

test('what was sent least often goes first', (t) => {
  const queue = new Dissemination(defaultParameters);
  queue.enqueue(news('a', 1), 0);
  queue.enqueue(news('b', 2), 0);
  t.deepEqual(queue.take(40, 3, 0), [claim(1)]);
  t.deepEqual(queue.take(40, 3, 0), [claim(2)]);
  queue.enqueue(news('c', 3), 0);
  t.deepEqual(queue.take(40, 3, 0), [claim(3)]);
});

test('newer news of a member takes the place of the older, and counts anew', (t) => {
  const queue = new Dissemination(defaultParameters);
  queue.enqueue({ ...news('a', 1), announcedMs: 0 }, 0);
  queue.take(1_000, 3, 0);
  queue.enqueue(news('a', 2), 0);
  t.is(queue.length, 1);
  t.false(queue.holdsAnnouncement('a'));
  for (let sent = 0; sent < 7; sent++) t.deepEqual(queue.take(1_000, 3, 0), [claim(2)]);
});

test('tag and length of each claim count towards the budget', (t) => {
  const queue = new Dissemination(defaultParameters);
  queue.enqueue(news('a', 1, 200), 0);
  t.deepEqual(queue.take(202, 3, 0), []);
  t.deepEqual(queue.take(203, 3, 0), [claim(1, 200)]);
});

test('news that does not fit lets smaller news pass', (t) => {
  const queue = new Dissemination(defaultParameters);
  queue.enqueue({ ...news('a', 1, 500), announcedMs: 0 }, 0);
  queue.enqueue(news('b', 2), 0);
  t.deepEqual(queue.take(100, 3, 0), [claim(2)]);
});

test('an announcement leaves with the age that it has by then, and the age counts towards the budget', (t) => {
  const queue = new Dissemination(defaultParameters);
  queue.enqueue({ ...news('a', 1, 200), announcedMs: 1_000 }, 0);
  t.deepEqual(queue.take(207, 3, 1_500), []);
  const aged = { tag: DatagramTag.claim, bytes: withAnnouncementAge(claim(1, 200).bytes, 500) };
  t.deepEqual(queue.take(208, 3, 1_500), [aged]);
});

test('what is dropped is not sent any more', (t) => {
  const queue = new Dissemination(defaultParameters);
  queue.enqueue(news('a', 1), 0);
  queue.enqueue(news('b', 2), 0);
  queue.take(1_000, 3, 0);
  queue.drop('a');
  queue.drop('c');
  t.is(queue.length, 1);
  t.deepEqual(queue.take(1_000, 3, 0), [claim(2)]);
});

test('what has waited for long is dropped on demand, what was queued of late is not', (t) => {
  const queue = new Dissemination(defaultParameters);
  queue.enqueue(news('a', 1), 0);
  queue.enqueue(news('b', 2), 0);
  queue.enqueue(news('c', 3), 1_000);
  queue.enqueue(news('a', 4), 2_000);
  queue.take(1_000, 3, 2_000);
  queue.dropStale(3_500);
  t.deepEqual(queue.take(1_000, 3, 3_500), [claim(3), claim(4)]);
});

test('a queue is congested once something has waited for fifteen rounds, until nothing has any more', (t) => {
  const queue = new Dissemination(defaultParameters);
  t.false(queue.isCongested(10_000));
  queue.enqueue(news('a', 1), 0);
  queue.enqueue(news('b', 2), 2_000);
  t.false(queue.isCongested(2_999));
  t.true(queue.isCongested(3_000));
  queue.dropStale(3_000);
  t.false(queue.isCongested(3_000));
  t.true(queue.isCongested(5_000));
});

test('what is too long for any datagram to somebody is said to be there, and counts as sent when it went another way', (t) => {
  const queue = new Dissemination(defaultParameters);
  queue.enqueue(news('a', 1), 0);
  queue.enqueue(news('b', 2, 600), 0);
  t.false(queue.isLonger(700));
  t.deepEqual(queue.take(500, 3, 0), [claim(1)]);
  for (let sent = 0; sent < 7; sent++) {
    t.true(queue.isLonger(500), `${sent}`);
    queue.passOver(500, 3);
  }
  t.false(queue.isLonger(500));
  t.is(queue.length, 1, 'the other waits for its turn');
});
