import test from 'ava';
import { Pace } from '../../../src/daemon/process/pace.ts';
import { ManualClock } from '../../support/manual-clock.ts';

test('work gets a quarter of the time, whoever asks', (t) => {
  const clock = new ManualClock();
  const pace = new Pace(clock);
  let workedMs = 0;
  const startedMs = clock.nowMs();
  for (const tookMs of [100, 30, 7, 250, 1]) {
    pace.run(() => clock.advance(tookMs));
    workedMs += tookMs;
    t.is(pace.waitMs, 3 * tookMs);
    clock.advance(pace.waitMs);
  }
  t.is(clock.nowMs() - startedMs, 4 * workedMs);
});

test('work that is rare or takes no time does not wait', (t) => {
  const clock = new ManualClock();
  const pace = new Pace(clock);
  t.is(pace.waitMs, 0);
  pace.run(() => {});
  t.is(pace.waitMs, 0);
  pace.run(() => clock.advance(10));
  clock.advance(1_000);
  t.is(pace.waitMs, 0);
});

test('work that fails counts, too', (t) => {
  const clock = new ManualClock();
  const pace = new Pace(clock);
  const fail = (): void => {
    clock.advance(10);
    throw new RangeError('no');
  };
  t.throws(() => pace.run(fail));
  t.is(pace.waitMs, 30);
});
