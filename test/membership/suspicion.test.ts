import test from 'ava';
import { defaultParameters } from '../../src/membership/parameters.ts';
import { Suspicions, suspicionTimeoutMs } from '../../src/membership/suspicion.ts';
import { ManualClock } from '../support/manual-clock.ts';

const lasts = test.macro({
  exec: (t, clusterSize: number, timeoutMs: number) =>
    t.is(Math.round(suspicionTimeoutMs(defaultParameters, clusterSize)), timeoutMs),
  title: (_name, clusterSize: number, timeoutMs: number) =>
    `in a cluster of ${clusterSize} a suspicion lasts ${timeoutMs} ms`,
});

test(lasts, 1, 3_000);
test(lasts, 3, 3_000);
test(lasts, 10, 3_000);
test(lasts, 100, 6_000);
test(lasts, 1_000, 9_000);

function suspicions(): { clock: ManualClock; begin: Suspicions['begin']; expired: string[] } {
  const clock = new ManualClock();
  const expired: string[] = [];
  const made = new Suspicions(clock, defaultParameters, (identity, incarnation) => {
    expired.push(`${identity}@${incarnation} ${clock.nowMs()}`);
  });
  return { clock, begin: (...arguments_) => made.begin(...arguments_), expired };
}

test('a suspicion expires once, however often it was raised', (t) => {
  const { clock, begin, expired } = suspicions();
  begin('a', 1, 3);
  clock.advance(2_000);
  begin('a', 1, 3);
  clock.advance(10_000);
  t.deepEqual(expired, ['a@1 3000']);
});

test('a suspicion of a newer incarnation has its own time', (t) => {
  const { clock, begin, expired } = suspicions();
  begin('a', 1, 3);
  clock.advance(2_000);
  begin('a', 2, 3);
  clock.advance(10_000);
  t.deepEqual(expired, ['a@2 5000']);
});
