import test from 'ava';
import type { Clock } from '../../../src/env/clock.ts';
import { TimerLateness } from '../../../src/daemon/gossip/timer-lateness.ts';

test('a timer is late by what passed since it was due, and what it runs is run', async (t) => {
  let now = 1_000;
  let run: (() => void) | undefined;
  const clock: Clock = { nowMs: () => now, after: (_delayMs, action) => (run = action) };
  const lateness = new TimerLateness(clock);
  let runs = 0;
  for (const lateMs of [0, 7, 60]) {
    lateness.after(100, () => runs++);
    now += 100 + lateMs;
    run?.();
  }
  t.is(runs, 3);
  const { values } = await lateness.histogram.get();
  const below = (seconds: number): number | undefined =>
    values.find(({ labels }) => Number((labels as Record<string, unknown>)['le']) === seconds)?.value;
  t.deepEqual([below(0.001), below(0.005), below(0.01), below(0.05), below(0.075)], [1, 1, 2, 2, 3]);
});
