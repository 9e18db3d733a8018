import test from 'ava';
import { FaultDraw, faultDraw } from '../../src/dataplane/fault-draw.ts';

const DRAWS = 20_000;
const draws = (seed: number, worker: number, purpose: FaultDraw) =>
  Array.from({ length: DRAWS }, (_, datagram) => faultDraw(seed, worker, datagram, purpose));

/** Correlation of two rows of numbers from 0 to 1. */
function correlation(left: readonly number[], right: readonly number[]): number {
  return (12 * left.reduce((sum, value, index) => sum + (value - 0.5) * (right[index]! - 0.5), 0)) / left.length;
}

test('the same is drawn for the same', (t) => {
  t.deepEqual(draws(7, 0, FaultDraw.loss), draws(7, 0, FaultDraw.loss));
});

test('numbers are spread evenly', (t) => {
  const counts = Array.from({ length: 10 }, () => 0);
  for (const value of draws(7, 0, FaultDraw.loss)) counts[Math.floor(value * 10)]!++;
  t.true(counts.every((count) => Math.abs(count - DRAWS / 10) < 200));
});

for (const [what, other] of [
  ['seed', draws(8, 0, FaultDraw.loss)],
  ['worker', draws(7, 1, FaultDraw.loss)],
  ['purpose', draws(7, 0, FaultDraw.jitter)],
  ['datagram before', [0.5, ...draws(7, 0, FaultDraw.loss)].slice(0, DRAWS)],
  ['path probe', Array.from({ length: DRAWS }, (_, number) => faultDraw(7, 0, -1 - number, FaultDraw.loss))],
] as const) {
  test(`numbers of another ${what} have nothing to do with them`, (t) => {
    t.true(Math.abs(correlation(draws(7, 0, FaultDraw.loss), other)) < 0.03);
  });
}

test('beyond 32 bits it does not begin again', (t) => {
  t.not(faultDraw(7, 0, 5, FaultDraw.loss), faultDraw(7, 0, 5 + 2 ** 32, FaultDraw.loss));
});
