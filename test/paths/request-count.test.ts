import test from 'ava';
import { RequestCount } from '../../src/paths/request-count.ts';

/** A count of which the first request was answered. The peer counts from anywhere. */
function begun(seen = 1): RequestCount {
  const count = new RequestCount();
  count.replied(count.sent(), seen);
  return count;
}

/** Sends so many more; the ordinal of the last one. */
function send(count: RequestCount, requests: number): number {
  for (let request = 1; request < requests; request++) count.sent();
  return count.sent();
}

test('before the first reply, and before the first loss, nothing is known', (t) => {
  const count = new RequestCount();
  t.false(count.isCounted);
  count.replied(count.sent(), 1);
  t.true(count.isCounted);
  t.is(count.outShare, undefined);
  count.replied(count.sent(), 2);
  t.is(count.outShare, undefined);
});

const tells = test.macro<[number, number, number]>({
  exec: (t, unanswered, arrived, expected) => {
    for (const seen of [1, 1_000, 0xffff_fffe]) {
      const count = begun(seen);
      count.replied(send(count, unanswered + 1), (seen + arrived + 1) >>> 0);
      t.is(count.outShare, expected);
    }
  },
  title: (_name, unanswered, arrived, expected) =>
    `of ${unanswered} requests without an answer ${arrived} were seen: a share of ${expected} was lost on the way there`,
});

test(tells, 1, 0, 1);
test(tells, 1, 1, 0);
test(tells, 4, 2, 0.5);
test(tells, 100, 0, 1);
test(tells, 100, 100, 0);

test('it may also be heard another way, while nothing is answered', (t) => {
  const count = begun();
  send(count, 3);
  count.heard(1);
  t.is(count.outShare, 1);
  send(count, 3);
  count.heard(4);
  t.is(count.outShare, 0);
});

test('a reply that was overtaken tells nothing', (t) => {
  const count = begun();
  const [early, late] = [send(count, 1), send(count, 1)];
  count.replied(late, 3);
  count.replied(early, 2);
  t.is(count.outShare, 0);
  count.replied(send(count, 1), 4);
  t.is(count.outShare, 0);
});

test('a peer that begins to count anew tells nothing about what was before', (t) => {
  const count = begun(500);
  count.replied(send(count, 3), 1);
  t.is(count.outShare, undefined);
  count.replied(send(count, 2), 2);
  t.is(count.outShare, 1);
});
