/** `npm run sim -- random-faults`. */
import { ExitCode } from '../terminal/exit-code.ts';
import { describeFault } from './fault.ts';
import { drawHistory } from './fault-history.ts';
import type { Options } from './options.ts';
import { describeFailure, runHistory, shrinkHistory } from './random-faults.ts';
import { joinOutcomes, type BatchOutcome, type SeedBatch } from './seed-batch.ts';
import { runInThreads } from './threads.ts';

/** Seeds that a thread gets at a time. */
const BATCH_SEEDS = 20;

/** How long faults are left out of a failing history, in ms, and of how many histories. */
const SHRINK_MS = 60_000;
const MOST_SHRUNK = 3;

/** Most seeds of a run whose length is given as a time. */
const MAX_SEEDS_WITHIN = 10_000;

/** Runs the seeds, or shows one. Gives the exit code. */
export async function runRandomFaults(options: Options): Promise<number> {
  if (options.keep !== undefined || options.seeds === 1) return showOne(options);
  const { seed, seeds, withinMs, workers, json } = options;
  const most = withinMs === undefined ? seeds : Math.max(seeds, MAX_SEEDS_WITHIN);
  const batches = Array.from({ length: Math.ceil(most / BATCH_SEEDS) }, (_, index): SeedBatch => {
    const first = index * BATCH_SEEDS;
    return { first: seed + first, count: Math.min(BATCH_SEEDS, most - first) };
  });
  const startedMs = performance.now();
  const isWanted = (batch: number): boolean =>
    batch * BATCH_SEEDS < seeds || (withinMs !== undefined && performance.now() - startedMs < withinMs);
  const outcome = joinOutcomes(await runInThreads<BatchOutcome>(batches, workers, isWanted));
  const wallSeconds = Math.round(performance.now() - startedMs) / 1_000;
  const failures = outcome.failures.slice(0, MOST_SHRUNK).map((failure) => {
    const untilMs = performance.now() + SHRINK_MS;
    return { failure, left: shrinkHistory(drawHistory(failure.seed), () => performance.now() < untilMs) };
  });
  if (json) {
    const document = {
      scenario: 'random-faults',
      seeds: [seed, seed + outcome.seeds - 1],
      failures: failures.map(({ failure, left }) => ({
        seed: failure.seed,
        violations: failure.violations,
        replay: `npm run sim -- random-faults --seeds 1 --seed ${failure.seed}`,
        faults: left.faults,
      })),
      failedSeeds: outcome.failures.map((failure) => failure.seed),
      falseDeaths: outcome.falseDeaths,
      wallSeconds,
    };
    process.stdout.write(`${JSON.stringify(document, undefined, 2)}\n`);
  } else {
    const failed = outcome.failures.map((failure) => failure.seed);
    const took = `${wallSeconds.toFixed(1)} s, ${((1_000 * wallSeconds) / outcome.seeds).toFixed(0)} ms each`;
    for (const { failure, left } of failures) process.stdout.write(`${describeFailure(failure, left)}\n`);
    const which = failed.length > 0 ? ` (${failed.join(', ')})` : '';
    process.stdout.write(
      `${outcome.seeds} seeds from ${seed} on, ${failed.length} failed${which}; called dead that were not: ${outcome.falseDeaths} (${took})\n`,
    );
  }
  return failures.length > 0 ? ExitCode.failure : ExitCode.ok;
}

/** One seed with its faults, and all that the nodes saw if it fails. */
function showOne({ seed, keep, json }: Options): number {
  const drawn = drawHistory(seed);
  const faults = keep === undefined ? drawn.faults : drawn.faults.filter((_, index) => keep.includes(index + 1));
  const lines: string[] = [];
  const outcome = runHistory({ ...drawn, faults }, (_, seen) => {
    lines.push(...seen);
    return undefined;
  });
  if (json) {
    process.stdout.write(`${JSON.stringify({ ...outcome, history: lines }, undefined, 2)}\n`);
  } else {
    process.stdout.write(`seed ${seed}: ${outcome.nodes} nodes, ${faults.length} faults\n`);
    for (const fault of faults) {
      process.stdout.write(`  ${1 + drawn.faults.indexOf(fault)}. ${describeFault(fault)}\n`);
    }
    for (const { atMs, kind, message } of outcome.violations) {
      process.stdout.write(`${(atMs / 1_000).toFixed(3)} s  ${kind}: ${message}\n`);
    }
    if (outcome.violations.length > 0)
      process.stdout.write(`what they saw:\n${lines.map((line) => `  ${line}\n`).join('')}`);
    process.stdout.write(`${outcome.violations.length} violations, history ${outcome.historyHash}\n`);
  }
  return outcome.violations.length > 0 ? ExitCode.failure : ExitCode.ok;
}
