import test from 'ava';
import { Results } from '../../bench/results.ts';

function filled(): Results {
  const results = new Results('reference');
  // The machine gets slower from round to round, and both with it.
  [100, 50, 10].forEach((value, round) => results.add(round, 'reference', 'speed', value));
  [60, 30, 5].forEach((value, round) => results.add(round, 'rival', 'speed', value));
  return results;
}

test('a summary has median, minimum and maximum', (t) => {
  const summary = filled().summary('rival', 'speed');
  t.is(summary?.median, 30);
  t.is(summary?.min, 5);
  t.is(summary?.max, 60);
});

test('the ratio is the median of the ratios within the rounds', (t) => {
  t.is(filled().summary('rival', 'speed')?.ratio, 0.6);
});

test('a round in which one of both has no value counts for no ratio', (t) => {
  const results = filled();
  results.add(3, 'rival', 'speed', 1000);
  results.add(4, 'reference', 'speed', 1);
  t.is(results.ratio('speed', 'rival', 'reference'), 0.6);
});

test('what is not a number is no value', (t) => {
  const results = filled();
  results.add(0, 'kernel', 'memory', Number.NaN);
  t.is(results.summary('kernel', 'memory'), undefined);
});

test('without the reference there is a summary and no ratio', (t) => {
  const results = new Results('reference');
  results.add(0, 'rival', 'speed', 7);
  t.deepEqual(results.summary('rival', 'speed'), { median: 7, min: 7, max: 7, ratio: Number.NaN });
});
