import test from 'ava';
import { drawIndex, drawSome, jitter } from '../../src/membership/draw.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';

test('an index is drawn from the whole range and no further', (t) => {
  t.is(drawIndex({ uint32: () => 0 }, 7), 0);
  t.is(drawIndex({ uint32: () => 0xff_ff_ff_ff }, 7), 6);
});

test('items are drawn once each, and the list stays as it is', (t) => {
  const items = [1, 2, 3, 4, 5];
  const random = new SeededRandom(3);
  for (let round = 0; round < 100; round++) {
    const drawn = drawSome(random, items, 3);
    t.is(new Set(drawn).size, 3);
    t.true(drawn.every((item) => items.includes(item)));
  }
  t.deepEqual(
    drawSome(random, items, 9).toSorted((a, b) => a - b),
    items,
  );
  t.deepEqual(items, [1, 2, 3, 4, 5]);
});

test('jitter is a tenth at most', (t) => {
  t.is(Math.round(jitter({ uint32: () => 0 }, 1_000)), 900);
  t.is(Math.round(jitter({ uint32: () => 0xff_ff_ff_ff }, 1_000)), 1_100);
});
