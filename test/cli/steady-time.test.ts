import test from 'ava';
import { SteadyTime } from '../../src/cli/steady-time.ts';

test('time goes on where the clock is set back, and follows it forward', (t) => {
  const clock = { wallMs: 10_000_000, monotonicMs: 500 };
  const time = new SteadyTime({ wallMs: () => clock.wallMs, monotonicMs: () => clock.monotonicMs });
  t.is(time.nowMs(), 10_000_000);
  clock.wallMs -= 3_600_000;
  clock.monotonicMs += 250;
  t.is(time.nowMs(), 10_000_250);
  clock.wallMs += 7_200_000;
  clock.monotonicMs += 250;
  t.is(time.nowMs(), 13_600_000);
});
