/** Nodes start: all at once, one after the other, and all at once after a blackout. */
import type { Scenario } from '../scenario.ts';

const FIRST_MS = 5_000;

/** Shortest and longest time between restarts of a rolling one. */
const MIN_STEP_MS = 100;
const MAX_STEP_MS = 5_000;

/** How long a process of a rolling restart is away. */
const AWAY_MS = 1_500;

/** How long the power is out. */
const BLACKOUT_MS = 10_000;

export const joinStorm: Scenario = {
  name: 'join-storm',
  meaning: 'all nodes start within one second and know three seeds',
  durationMs: 120_000,
  beginsEmpty: true,
  run: ({ cluster, mark, measure }) => {
    mark('all start');
    measure();
    cluster.startAll();
    cluster.clock.advance(2_000);
  },
};

export const rollingRestart: Scenario = {
  name: 'rolling-restart',
  meaning: 'node after node says goodbye and starts again, as in an update',
  durationMs: 120_000,
  run: ({ cluster, durationMs, mark, measure }) => {
    const { clock } = cluster;
    const numbers = cluster.running();
    const stepMs = Math.min(MAX_STEP_MS, Math.max(MIN_STEP_MS, (durationMs / 2 - FIRST_MS) / numbers.length));
    clock.advance(FIRST_MS);
    mark('first restart');
    const last = numbers.at(-1);
    for (const number of numbers) {
      cluster.leave(number);
      clock.after(AWAY_MS, () => {
        cluster.start(number);
        if (number === last) {
          mark('last is back');
          measure();
        }
      });
      clock.advance(stepMs);
    }
    clock.advance(AWAY_MS);
  },
};

export const totalRestart: Scenario = {
  name: 'total-restart',
  meaning: 'all nodes lose power, and start without seeds from what they had persisted',
  durationMs: 120_000,
  run: ({ cluster, mark, measure }) => {
    const { clock } = cluster;
    clock.advance(FIRST_MS);
    mark('power fails');
    const numbers = cluster.running();
    for (const number of numbers) cluster.crash(number);
    clock.advance(BLACKOUT_MS);
    mark('power is back');
    measure();
    cluster.startAll(numbers, []);
    clock.advance(1_000);
  },
};
