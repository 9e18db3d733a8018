import test from 'ava';
import { ReplayWindow, WINDOW_COUNTERS } from '../../src/authentication/replay-window.ts';
import { MAX_COUNTER } from '../../src/authentication/envelope.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';

const seed = Number(process.env['SEED'] ?? 1);

test('a counter is fresh once', (t) => {
  const window = new ReplayWindow();
  t.true(window.isFresh(0));
  window.accept(0);
  t.false(window.isFresh(0));
  t.true(window.isFresh(1));
});

test('what is asked about but not accepted stays fresh, and moves nothing', (t) => {
  const window = new ReplayWindow();
  window.accept(5);
  t.true(window.isFresh(MAX_COUNTER));
  t.true(window.isFresh(4));
  t.true(window.isFresh(6));
});

test('a counter below the window is too old to tell', (t) => {
  const window = new ReplayWindow();
  window.accept(5_000);
  t.true(window.isFresh(5_000 - WINDOW_COUNTERS + 1));
  t.false(window.isFresh(5_000 - WINDOW_COUNTERS));
});

test('the largest counter is taken like any other', (t) => {
  const window = new ReplayWindow();
  window.accept(MAX_COUNTER - 1);
  window.accept(MAX_COUNTER);
  t.false(window.isFresh(MAX_COUNTER));
  t.false(window.isFresh(MAX_COUNTER - 1));
  t.true(window.isFresh(MAX_COUNTER - 2));
});

for (const [name, spread] of [
  ['mostly in order', 40],
  ['far out of order', 3 * WINDOW_COUNTERS],
] as const) {
  test(`agrees with a set of all that was seen, ${name} (seed ${seed})`, (t) => {
    const random = new SeededRandom(seed);
    const window = new ReplayWindow();
    const seen = new Set<number>();
    let highest = -1;
    for (let step = 0; step < 20_000; step++) {
      const counter = Math.max(0, highest + 20 - random.below(spread));
      const expected = counter > highest - WINDOW_COUNTERS && !seen.has(counter);
      if (window.isFresh(counter) !== expected) t.fail(`step ${step}: ${counter} with ${highest} as the highest`);
      if (!expected || random.below(4) === 0) continue;
      window.accept(counter);
      seen.add(counter);
      highest = Math.max(highest, counter);
    }
    t.pass();
  });
}
