import test from 'ava';
import { ReconnectPace } from '../../../src/daemon/pods/reconnect-pace.ts';

function paceAt() {
  const clock = { nowMs: 1_000 };
  return { clock, pace: new ReconnectPace(() => clock.nowMs) };
}

test('a pod is connected again three times at once, and then after ever longer waits', (t) => {
  const { clock, pace } = paceAt();
  const waits = Array.from({ length: 12 }, () => {
    const wait = pace.waitMs('web');
    clock.nowMs += wait;
    pace.connected('web');
    return wait / 1_000;
  });
  t.deepEqual(waits, [0, 0, 0, 5, 10, 20, 40, 80, 160, 300, 300, 300]);
});

test('one pod does not have another one wait', (t) => {
  const { pace } = paceAt();
  for (let times = 0; times < 10; times++) pace.connected('web');
  t.true(pace.waitMs('web') > 0);
  t.is(pace.waitMs('db'), 0);
});

test('after ten quiet minutes a pod starts anew', (t) => {
  const { clock, pace } = paceAt();
  for (let times = 0; times < 10; times++) pace.connected('web');
  clock.nowMs += 601_000;
  pace.connected('db');
  t.is(pace.waitMs('web'), 0);
  t.is(pace.times('web'), 0);
});
