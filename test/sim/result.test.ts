import test from 'ava';
import { percentiles, summarise, type Result } from '../../src/sim/result.ts';

function resultOf(seed: number, lastMs: number): Result {
  return {
    scenario: 'crash',
    nodes: 3,
    seed,
    violations: seed === 2 ? [{ atMs: 1, kind: 'stale-route', message: 'n1' }] : [],
    convergenceMs: { p50: 1, p99: 2, max: lastMs },
    bytesPerNodePerSecond: 100 * seed,
    falseDeaths: 1,
    wallSeconds: 1,
  };
}

test('percentiles are values that occurred, by nearest rank', (t) => {
  const times = Array.from({ length: 200 }, (_, index) => 200 - index);
  t.deepEqual(percentiles(times), { p50: 100, p99: 198, max: 200 });
  t.deepEqual(percentiles([7]), { p50: 7, p99: 7, max: 7 });
  t.deepEqual(percentiles([]), { p50: 0, p99: 0, max: 0 });
});

test('a summary is about when the last node of each seed agreed', (t) => {
  const results = [1, 2, 3].map((seed) => resultOf(seed, 1_000 * seed));
  t.like(summarise(results, 9), {
    seeds: [1, 3],
    violations: 1,
    convergenceMs: { p50: 2_000, p99: 3_000, max: 3_000 },
    bytesPerNodePerSecond: 200,
    falseDeaths: 3,
    wallSeconds: 9,
  });
});
