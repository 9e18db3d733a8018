import test from 'ava';
import { shrink } from '../../src/sim/shrink.ts';

const always = (): boolean => true;

/** Fails if all of these are there. */
function hasAll(...wanted: readonly number[]): (some: readonly number[]) => boolean {
  return (some) => wanted.every((one) => some.includes(one));
}

function numbers(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}

test('what matters is left, in its order', (t) => {
  t.deepEqual(shrink(numbers(50), hasAll(3, 17, 40), always), [3, 17, 40]);
});

test('one of several reasons is left', (t) => {
  t.is(shrink(numbers(20), (some) => some.includes(5) || some.includes(6), always).length, 1);
});

test('nothing is left if nothing matters', (t) => {
  t.deepEqual(shrink(numbers(9), always, always), []);
});

test('an item that may go only once another went does go', (t) => {
  const left = shrink([0, 1, 2], (some) => some.includes(0) && (!some.includes(2) || some.includes(1)), always);
  t.deepEqual(left, [0]);
});

test('what is left when time is up still fails', (t) => {
  const fails = hasAll(31, 0);
  let attempts = 0;
  const left = shrink(numbers(32), fails, () => ++attempts < 6);
  t.true(left.length > 2 && left.length < 32);
  t.true(fails(left));
});
