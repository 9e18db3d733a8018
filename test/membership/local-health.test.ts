import test from 'ava';
import { LocalHealth, MAX_LOCAL_HEALTH } from '../../src/membership/local-health.ts';
import { ManualClock } from '../support/manual-clock.ts';

function patient(): { clock: ManualClock; health: LocalHealth } {
  const clock = new ManualClock();
  return { clock, health: new LocalHealth(clock) };
}

test('a node is healthy at first, and healthier than that it does not get', (t) => {
  const { health } = patient();
  health.probeAnswered(1, 600);
  t.is(health.score, 0);
  t.is(health.scaled(500), 500);
});

const failed = test.macro({
  exec: (t, asked: number, silent: number, score: number) => {
    const { health } = patient();
    health.probeFailed(asked, silent);
    t.is(health.score, score);
  },
  title: (_name, asked: number, silent: number, score: number) =>
    `a failed probe with ${asked} asked and ${silent} of them silent counts ${score}`,
});

test(failed, 0, 0, 1);
test(failed, 3, 0, 0);
test(failed, 3, 2, 2);
test(failed, 3, 3, 3);

test('everything takes nine times as long at worst', (t) => {
  const { health } = patient();
  for (let probe = 0; probe < 10; probe++) health.probeFailed(3, 3);
  t.is(health.score, MAX_LOCAL_HEALTH);
  t.is(health.scaled(500), 4_500);
});

test('an answer makes up for one step, but not if it comes so late that it hardly would have with a better score', (t) => {
  const { health } = patient();
  health.probeFailed(3, 3);
  health.probeAnswered(601, 600);
  t.is(health.score, 3);
  health.probeAnswered(600, 600);
  t.is(health.score, 2);
  health.probeAnswered(600, 600);
  t.is(health.score, 2);
});

test('a node that hears everything two seconds late settles where it accuses nobody', (t) => {
  const { health } = patient();
  let accusations = 0;
  for (let probe = 0; probe < 100; probe++) {
    if (health.scaled(600) < 2_000) {
      accusations++;
      health.probeFailed(3, 3);
    } else health.probeAnswered(2_000, 600);
  }
  t.is(accusations, 1);
});

test('one refutation a minute does not make a node slow', (t) => {
  const { clock, health } = patient();
  for (let minute = 0; minute < 5; minute++) {
    health.refuted();
    clock.advance(60_000);
  }
  t.is(health.slowness, 0);
  t.is(health.score, 5);
});

test('a node that refutes again and again is ever slower, up to a bound', (t) => {
  const { clock, health } = patient();
  const seen: number[] = [];
  for (let refutation = 0; refutation < 12; refutation++) {
    health.refuted();
    health.probeAnswered(1, 600);
    seen.push(health.slowness);
    clock.advance(5_000);
  }
  t.deepEqual(seen, [0, 2, 3, 4, 5, 6, 7, 8, 8, 8, 8, 8]);
});

test('a slow node recovers after five minutes without trouble, once', (t) => {
  const { clock, health } = patient();
  health.refuted();
  health.refuted();
  t.is(health.slowness, 3);
  health.probeAnswered(1, 600);
  health.probeAnswered(1, 600);
  clock.advance(299_000);
  t.false(health.recover());
  clock.advance(1_000);
  t.true(health.recover());
  t.is(health.slowness, 0);
  t.false(health.recover());
});

test('a bad score keeps a slow node slow', (t) => {
  const { clock, health } = patient();
  health.refuted();
  health.refuted();
  clock.advance(299_000);
  health.probeFailed(3, 1);
  clock.advance(100_000);
  t.false(health.recover());
});
