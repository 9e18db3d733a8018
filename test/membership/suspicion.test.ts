import test from 'ava';
import { presets } from '../../src/membership/parameters.ts';
import { Suspicions, suspicionTimeoutMs } from '../../src/membership/suspicion.ts';
import { ManualClock } from '../support/manual-clock.ts';

const lasts = test.macro({
  exec: (t, clusterSize: number, confirmations: number, wanted: number, timeoutMs: number) =>
    t.is(Math.round(suspicionTimeoutMs(presets.lan, clusterSize, confirmations, wanted)), timeoutMs),
  title: (_name, clusterSize: number, confirmations: number, wanted: number, timeoutMs: number) =>
    `of ${clusterSize}, confirmed by ${confirmations} of ${wanted}: a suspicion lasts ${timeoutMs} ms`,
});

test(lasts, 1, 0, 0, 2_500);
test(lasts, 2, 0, 0, 2_500);
test(lasts, 10, 0, 3, 10_000);
test(lasts, 10, 1, 3, 6_250);
test(lasts, 10, 2, 3, 4_056);
test(lasts, 10, 3, 3, 2_500);
test(lasts, 100, 3, 3, 5_000);
test(lasts, 1_000, 0, 3, 30_000);
test(lasts, 1_000, 3, 3, 7_500);
test(lasts, 1_000, 4, 3, 7_500);

interface Bench {
  readonly clock: ManualClock;
  readonly suspicions: Suspicions;
  readonly expired: string[];
  clusterSize: number;
  graceMs: number;
}

function bench(clusterSize: number): Bench {
  const clock = new ManualClock();
  const expired: string[] = [];
  const made: Bench = {
    clock,
    expired,
    clusterSize,
    graceMs: 0,
    suspicions: new Suspicions({
      clock,
      parameters: presets.lan,
      clusterSize: () => made.clusterSize,
      graceMs: () => made.graceMs,
      onExpired: (identity, incarnation) => {
        made.clusterSize--;
        expired.push(`${identity}@${incarnation} ${Math.round(clock.nowMs())}`);
      },
    }),
  };
  return made;
}

test('an accuser counts once, and what it says again is no news', (t) => {
  const { clock, suspicions, expired } = bench(10);
  t.true(suspicions.accuse('x', 1, ['a']));
  clock.advance(1_000);
  t.false(suspicions.accuse('x', 1, ['a']));
  t.false(suspicions.accuse('x', 1, []));
  t.deepEqual(suspicions.accusersOf('x'), ['a']);
  clock.advance(60_000);
  t.deepEqual(expired, ['x@1 10000']);
});

test('each confirmation brings the end nearer, counted from the beginning', (t) => {
  const { clock, suspicions, expired } = bench(10);
  suspicions.accuse('x', 1, ['a']);
  clock.advance(1_000);
  t.true(suspicions.accuse('x', 1, ['b']));
  clock.advance(1_000);
  t.true(suspicions.accuse('x', 1, ['b', 'c', 'd']));
  clock.advance(60_000);
  t.deepEqual(expired, ['x@1 2500']);
});

test('a confirmation that comes after the time it leads to ends the suspicion at once', (t) => {
  const { clock, suspicions, expired } = bench(10);
  suspicions.accuse('x', 1, ['a']);
  clock.advance(5_000);
  suspicions.accuse('x', 1, ['b', 'c', 'd']);
  clock.advance(1);
  t.deepEqual(expired, ['x@1 5000']);
});

test('more accusers than are wanted are no news', (t) => {
  const { suspicions } = bench(10);
  t.true(suspicions.accuse('x', 1, ['a', 'b', 'c', 'd', 'e']));
  t.deepEqual(suspicions.accusersOf('x'), ['a', 'b', 'c', 'd']);
  t.false(suspicions.accuse('x', 1, ['f']));
});

test('nobody confirms a suspicion of itself', (t) => {
  const { suspicions } = bench(10);
  t.false(suspicions.accuse('x', 1, ['x']));
});

test('of two nodes the other needs no confirmation', (t) => {
  const { clock, suspicions, expired } = bench(2);
  suspicions.accuse('x', 1, ['a']);
  clock.advance(60_000);
  t.deepEqual(expired, ['x@1 2500']);
});

test('those who are suspect themselves are not waited for', (t) => {
  const { clock, suspicions, expired } = bench(4);
  for (const suspect of ['x', 'y', 'z']) suspicions.accuse(suspect, 1, ['a']);
  clock.advance(60_000);
  t.deepEqual(expired, ['x@1 2500', 'y@1 2500', 'z@1 2500']);
});

test('a refuted suspicion does not expire, and one of a newer incarnation has its own time', (t) => {
  const { clock, suspicions, expired } = bench(2);
  suspicions.accuse('x', 1, ['a']);
  clock.advance(2_000);
  suspicions.end('x');
  suspicions.accuse('x', 2, ['a']);
  clock.advance(60_000);
  t.deepEqual(expired, ['x@2 4500']);
  t.is(suspicions.size, 0);
});

test('while this node is unwell it waits longer, and so it does in a cluster that has grown', (t) => {
  const made = bench(10);
  made.suspicions.accuse('x', 1, ['a', 'b', 'c', 'd']);
  made.clock.advance(1_000);
  made.graceMs = 1_000;
  made.clusterSize = 100;
  made.clock.advance(60_000);
  t.deepEqual(made.expired, ['x@1 6000']);
});
