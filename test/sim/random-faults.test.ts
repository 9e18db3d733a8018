/** Small clusters with faults at random: a few of the seeds that `scripts/test` runs beside these tests. */
import test from 'ava';
import { drawHistory } from '../../src/sim/fault-history.ts';
import { describeFailure, runHistory, shrinkHistory, type Rule } from '../../src/sim/random-faults.ts';
import { runBatch } from '../../src/sim/seed-batch.ts';

/** Wrong on purpose: nodes do leave. */
const nobodyLeaves: Rule = (_, lines) => lines.find((line) => line.includes(' left@'));

test('whatever happened to a small cluster, its nodes agree in the end', (t) => {
  t.deepEqual(runBatch({ first: 1, count: 50 }).failures, []);
});

test('a seed gives the same faults and the same history each time', (t) => {
  for (const seed of [3, 14, 15]) {
    t.deepEqual(drawHistory(seed), drawHistory(seed));
    t.is(runHistory(drawHistory(seed)).historyHash, runHistory(drawHistory(seed)).historyHash);
  }
  t.not(runHistory(drawHistory(1)).historyHash, runHistory(drawHistory(2)).historyHash);
});

test('of a history that breaks a rule only the fault that breaks it is left', (t) => {
  const seed = Array.from({ length: 100 }, (_, index) => index + 1).find((candidate) => {
    const { faults } = drawHistory(candidate);
    return faults.length >= 6 && faults.filter(({ kind }) => kind === 'leave').length === 1;
  })!;
  const history = drawHistory(seed);
  const outcome = runHistory(history, nobodyLeaves);
  t.is(outcome.violations[0]?.kind, 'rule-broken');
  const left = shrinkHistory(history, () => true, nobodyLeaves);
  t.deepEqual(
    left.faults.map(({ kind }) => kind),
    ['leave'],
  );
  const text = describeFailure(outcome, left);
  const number = 1 + history.faults.findIndex(({ kind }) => kind === 'leave');
  t.true(text.includes(`npm run sim -- random-faults --seed ${seed} --seeds 1`), text);
  t.true(text.includes(`--keep ${number})`), text);
});

test('shrinking ends when time is up', (t) => {
  const history = drawHistory(1);
  t.deepEqual(
    shrinkHistory(history, () => false),
    history,
  );
});
