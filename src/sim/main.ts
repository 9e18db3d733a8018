#!/usr/bin/env node
/** `npm run sim`: the simulator's command line. Errors become exit codes here and nowhere else. */
import { once } from 'node:events';
import { createWriteStream, openSync, writeFileSync } from 'node:fs';
import { ExitCode } from '../terminal/exit-code.ts';
import { standardOutput } from '../terminal/terminal.ts';
import { ConfigError, WeftError } from '../errors.ts';
import { scenarios } from './catalogue.ts';
import { convergenceChart } from './convergence-chart.ts';
import { runFigures } from './figures-command.ts';
import { parseOptions, usage, type Options } from './options.ts';
import { runRandomFaults } from './random-faults-command.ts';
import { summarise, type Result } from './result.ts';
import { formatResults, formatViolations, type ResultRow } from './result-table.ts';
import type { Outcome } from './scenario.ts';
import { runTask, type Task } from './task.ts';
import { runInThreads } from './threads.ts';

try {
  const options = parseOptions(process.argv.slice(2));
  if (options === 'help') process.stdout.write(usage());
  else process.exitCode = await run(options);
} catch (error) {
  if (!(error instanceof WeftError)) throw error;
  process.stderr.write(`sim: ${error.message}\n`);
  process.exitCode = error.code === 'config-invalid' ? ExitCode.usage : ExitCode.failure;
}

/** Runs what was asked for, and says whether all was well. */
async function run(options: Options): Promise<number> {
  if (options.command === 'random-faults') return runRandomFaults(options);
  if (options.command === 'figures') return runFigures(options);
  const chosen = scenarios.filter(({ name }) => options.command === 'all' || name === options.command);
  const rows: ResultRow[] = [];
  const results: Result[] = [];
  const documents: unknown[] = [];
  for (const { name } of chosen) {
    const tasks = Array.from({ length: options.seeds }, (_, index): Task =>
      taskOf(name, options.seed + index, options),
    );
    const startedMs = performance.now();
    const outcomes = tasks.length === 1 ? [await runAlone(tasks[0]!, options)] : await runAll(tasks, options);
    const wallSeconds = Math.round(performance.now() - startedMs) / 1_000;
    results.push(...outcomes.map(({ result }) => result));
    documents.push(
      options.seeds === 1
        ? outcomes[0]!.result
        : summarise(
            outcomes.map(({ result }) => result),
            wallSeconds,
          ),
    );
    rows.push(rowOf(outcomes, wallSeconds));
  }
  const hasViolations = results.some(({ violations }) => violations.length > 0);
  if (options.json) {
    process.stdout.write(`${JSON.stringify(documents.length === 1 ? documents[0] : documents, undefined, 2)}\n`);
  } else {
    process.stdout.write(formatResults(rows, standardOutput()));
    process.stdout.write(formatViolations(results, (result) => replayOf(result, options)));
  }
  return hasViolations ? ExitCode.failure : ExitCode.ok;
}

function taskOf(scenario: string, seed: number, options: Options): Task {
  const { nodes, lossProbability, durationMs, realCipher } = options;
  return {
    scenario,
    nodes,
    seed,
    realCipher,
    ...(lossProbability !== undefined && { lossProbability }),
    ...(durationMs !== undefined && { durationMs }),
  };
}

/** Runs in this thread, with chart and history if they are wanted. */
async function runAlone(task: Task, { svg, history }: Options): Promise<Outcome> {
  const chart = svg === undefined ? undefined : openToWrite('--svg', svg);
  const file = history === undefined ? undefined : createWriteStream('', { fd: openToWrite('--history', history) });
  const outcome = runTask(task, file === undefined ? undefined : (line) => file.write(`${line}\n`));
  if (file !== undefined) {
    file.end();
    await once(file, 'finish');
  }
  if (chart !== undefined) writeFileSync(chart, convergenceChart(outcome));
  return outcome;
}

/** Before the run, which may be long. @throws ConfigError */
function openToWrite(flag: string, path: string): number {
  try {
    return openSync(path, 'w');
  } catch (error) {
    throw new ConfigError(flag, `${path} cannot be written: ${(error as NodeJS.ErrnoException).code}`);
  }
}

function runAll(tasks: readonly Task[], { workers }: Options): Promise<Outcome[]> {
  return runInThreads<Outcome>(
    tasks.map((task) => ({ ...task, withoutPoints: true })),
    workers,
  );
}

function rowOf(outcomes: readonly Outcome[], wallSeconds: number): ResultRow {
  const [first] = outcomes as [Outcome];
  const results = outcomes.map(({ result }) => result);
  const summary = summarise(results, wallSeconds);
  const isOne = results.length === 1;
  return {
    scenario: summary.scenario,
    nodes: summary.nodes,
    hasManySeeds: !isOne,
    seeds: isOne ? String(first.result.seed) : summary.seeds.join('-'),
    lossProbability: first.lossProbability,
    durationMs: first.endMs - first.startMs,
    convergenceMs: isOne ? first.result.convergenceMs : summary.convergenceMs,
    bytesPerNodePerSecond: summary.bytesPerNodePerSecond,
    falseDeaths: summary.falseDeaths,
    violations: summary.violations,
    wallSeconds,
  };
}

/** The command that gives the same history again. */
function replayOf({ scenario, nodes, seed }: Result, { lossProbability, durationMs, realCipher }: Options): string {
  return [
    `npm run sim -- ${scenario} --nodes ${nodes} --seed ${seed}`,
    ...(lossProbability === undefined ? [] : [`--loss ${lossProbability}`]),
    ...(durationMs === undefined ? [] : [`--duration ${durationMs}ms`]),
    ...(realCipher ? ['--real-cipher'] : []),
  ].join(' ');
}
