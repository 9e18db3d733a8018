/**
 * Small clusters with faults at random. How many seeds: those in WEFT_SIM_SEEDS; in CI, as many as fit in three minutes of
 * processor time, 2 000 to 10 000; otherwise a few.
 */
import { cpuUsage, env } from 'node:process';
import test from 'ava';
import { drawHistory } from '../../src/sim/fault-history.ts';
import { describeFailure, runHistory, shrinkHistory, type Rule } from '../../src/sim/random-faults.ts';
import { runBatch } from '../../src/sim/seed-batch.ts';

const QUICK_SEEDS = 150;
const MIN_SEEDS = 2_000;
const MAX_SEEDS = 10_000;
const BUDGET_MS = 180_000;

/** How long faults are left out of a history that failed. */
const SHRINK_MS = 60_000;

const wanted = env['WEFT_SIM_SEEDS'];
const isCi = env['CI'] !== undefined && wanted === undefined;
const leastSeeds = wanted !== undefined ? Number(wanted) : isCi ? MIN_SEEDS : QUICK_SEEDS;

/** Time that processors spent on this process, in ms. */
function processorMs(): number {
  const { user, system } = cpuUsage();
  return (user + system) / 1_000;
}

/** Wrong on purpose: nodes do leave. */
const nobodyLeaves: Rule = (_, lines) => lines.find((line) => line.includes(' left@'));

test('whatever happened to a small cluster, its nodes agree in the end', (t) => {
  t.timeout(1_800_000);
  const startMs = processorMs();
  const isTimeLeft = (done: number): boolean => done < leastSeeds || (isCi && processorMs() - startMs < BUDGET_MS);
  const { seeds, falseDeaths, failures } = runBatch({ first: 1, count: Math.max(leastSeeds, MAX_SEEDS) }, isTimeLeft);
  t.log(`${seeds} seeds, ${failures.length} failed, ${falseDeaths} nodes called dead that were not`);
  const [first] = failures;
  if (first === undefined) {
    t.pass();
    return;
  }
  const untilMs = performance.now() + SHRINK_MS;
  t.fail(
    describeFailure(
      first,
      shrinkHistory(drawHistory(first.seed), () => performance.now() < untilMs),
    ),
  );
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
