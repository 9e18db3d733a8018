import test from 'ava';
import { RequestCount } from '../../src/paths/request-count.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';

const SECOND_MS = 1_000;

/** A count of which the first request was answered. The peer counts from anywhere. */
function begun(seen = 1): RequestCount {
  const count = new RequestCount();
  count.replied(count.sent(0), seen);
  return count;
}

/** Sends so many more at once; the ordinal of the last one. */
function send(count: RequestCount, requests: number, nowMs: number): number {
  for (let request = 1; request < requests; request++) count.sent(nowMs);
  return count.sent(nowMs);
}

test('before the first reply, and before the first loss, nothing is known', (t) => {
  const count = new RequestCount();
  t.is(count.outShare, undefined);
  t.true(count.replied(count.sent(0), 1));
  t.is(count.outShare, undefined);
  t.true(count.replied(count.sent(0), 2));
  t.is(count.outShare, undefined);
});

const tells = test.macro<[number, number, number]>({
  exec: (t, unanswered, arrived, expected) => {
    for (const seen of [1, 1_000, 0xffff_fffe]) {
      const count = begun(seen);
      send(count, unanswered, 0);
      t.true(count.replied(count.sent(SECOND_MS), (seen + arrived + 1) >>> 0));
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
  send(count, 3, 0);
  t.true(count.heard(1, SECOND_MS));
  t.is(count.outShare, 1);
  send(count, 3, SECOND_MS);
  t.true(count.heard(4, 2 * SECOND_MS));
  t.is(count.outShare, 0);
});

test('what is heard another way tells nothing while a request may be on its way', (t) => {
  const count = begun();
  count.sent(SECOND_MS);
  t.false(count.heard(1, SECOND_MS + 100));
  t.is(count.outShare, undefined);
});

test('requests that overtake each other are not taken for lost', (t) => {
  const count = begun();
  const first = count.sent(SECOND_MS);
  const last = send(count, 3, SECOND_MS);
  t.false(count.replied(last, 2));
  t.false(count.replied(first, 3));
  // The reply to one of them is lost, as is seen when a request is alone again.
  t.false(count.replied(last - 1, 4));
  t.true(count.replied(count.sent(2 * SECOND_MS), 6));
  t.is(count.outShare, 0);
});

test('whatever overtakes what, losses have their direction', (t) => {
  for (let seed = 1; seed <= 200; seed++) {
    const random = new SeededRandom(seed);
    const isOutwards = seed % 2 === 0;
    const count = begun();
    let seen = 1;
    for (let nowMs = SECOND_MS; nowMs < 60 * SECOND_MS; nowMs += SECOND_MS) {
      const ordinals = Array.from({ length: 1 + random.below(7) }, () => count.sent(nowMs));
      for (const ordinal of random.some(ordinals, ordinals.length)) {
        const isLost = random.fraction() < 0.2;
        if (isLost && isOutwards) continue;
        seen++;
        if (!isLost) count.replied(ordinal, seen);
        t.true([undefined, isOutwards ? 1 : 0].includes(count.outShare), `seed ${seed}: ${count.outShare}`);
      }
    }
  }
});

test('a request that did not leave is neither sent nor lost', (t) => {
  const count = begun();
  send(count, 2, 0);
  count.refused();
  t.true(count.replied(count.sent(SECOND_MS), 3));
  t.is(count.outShare, 0);
});

test('a peer that begins to count anew tells nothing about what was before', (t) => {
  const count = begun(500);
  send(count, 2, 0);
  t.true(count.replied(count.sent(SECOND_MS), 1));
  t.is(count.outShare, undefined);
  count.sent(SECOND_MS);
  t.true(count.replied(count.sent(2 * SECOND_MS), 2));
  t.is(count.outShare, 1);
});
