import test from 'ava';
import { median, percentile } from '../../bench/statistics.ts';

const medianOf = test.macro({
  exec: (t, values: readonly number[], expected: number) => t.is(median(values), expected),
  title: (_, values: readonly number[], expected: number) => `the median of [${values.join(', ')}] is ${expected}`,
});

test(medianOf, [], Number.NaN);
test(medianOf, [3], 3);
test(medianOf, [9, 1, 5], 5);
test(medianOf, [4, 1, 3, 2], 2.5);

const percentileOf = test.macro({
  exec: (t, count: number, share: number, expected: number) => {
    const sorted = Array.from({ length: count }, (_, index) => index);
    t.is(percentile(sorted, share), expected);
  },
  title: (_, count: number, share: number, expected: number) =>
    `the ${share} percentile of 0 to ${count - 1} is ${expected}`,
});

test(percentileOf, 0, 0.5, Number.NaN);
test(percentileOf, 100, 0.5, 50);
test(percentileOf, 1000, 0.99, 990);
test(percentileOf, 500, 0.999, Number.NaN);
