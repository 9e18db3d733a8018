/** `npm run sim -- figures`: what is promised of a cluster of 1 000 nodes, measured. */
import { availableParallelism, cpus } from 'node:os';
import { standardOutput } from '../terminal/terminal.ts';
import { formatTable } from '../terminal/table.ts';
import { ExitCode } from '../terminal/exit-code.ts';
import type { Options } from './options.ts';
import { percentiles } from './result.ts';
import type { Outcome } from './scenario.ts';
import type { Task } from './task.ts';
import { runTask } from './task.ts';
import { runInThreads } from './threads.ts';

/** One line of the table: what was measured, and what is asked for. All are better the smaller. */
export interface Figure {
  readonly id: string;
  readonly title: string;
  readonly unit: 'ms' | 'nodes' | 'bytes/s' | 's';
  readonly value: number;
  /** What must be, and what was aimed at. */
  readonly atLeast: number;
  readonly aim: number;
  /** How it was measured. */
  readonly command: string;
}

const HOUR_MS = 3_600_000;

const TEN_MINUTES_MS = 600_000;

/** Measures everything, prints a table or JSON, and says whether all is as it must be. */
export async function runFigures(options: Options): Promise<number> {
  const { nodes, seed, seeds, workers } = options;
  const tasksOf = (task: Omit<Task, 'seed' | 'nodes'>): Task[] =>
    Array.from({ length: seeds }, (_, index) => ({ ...task, nodes, seed: seed + index, withoutPoints: true }));

  note('10 minutes of a steady cluster, alone');
  const steady = runTask({ scenario: 'steady', nodes, seed, durationMs: TEN_MINUTES_MS, withoutPoints: true });
  // What takes longest begins first.
  const hour: Task = {
    scenario: 'slow-node',
    nodes,
    seed,
    lossProbability: 0.1,
    durationMs: HOUR_MS,
    withoutPoints: true,
  };
  const groups = [
    [hour],
    tasksOf({ scenario: 'crash' }),
    tasksOf({ scenario: 'crash', lossProbability: 0.1 }),
    tasksOf({ scenario: 'route-change' }),
    tasksOf({ scenario: 'route-change', lossProbability: 0.1 }),
  ] as const;
  note(`an hour with slow nodes and loss; crashes and route changes with ${seeds} seeds`);
  const outcomes = await runInThreads<Outcome>(groups.flat(), workers);
  let taken = 0;
  const [slow, crash, lossyCrash, change, lossyChange] = groups.map((tasks) =>
    outcomes.slice(taken, (taken += tasks.length)),
  ) as [Outcome[], Outcome[], Outcome[], Outcome[], Outcome[]];

  const base = `npm run sim -- %s --nodes ${nodes} --seed ${seed}`;
  const command = (rest: string): string => base.replace('%s', rest.split(' ')[0]!) + rest.slice(rest.indexOf(' '));
  const perSeed = `--seeds ${seeds}`;
  const figures: Figure[] = [
    {
      id: 'route-change',
      title: 'a route change is known to the last node, p99 of seeds',
      unit: 'ms',
      value: last(change),
      atLeast: 3_000,
      aim: 1_500,
      command: command(`route-change ${perSeed}`),
    },
    {
      id: 'route-change-loss',
      title: 'the same at 10 % loss',
      unit: 'ms',
      value: last(lossyChange),
      atLeast: 6_000,
      aim: 3_000,
      command: command(`route-change ${perSeed} --loss 10%`),
    },
    {
      id: 'crash',
      title: 'a crash is known to the last node, p99 of seeds',
      unit: 'ms',
      value: last(crash),
      atLeast: 20_000,
      aim: 12_000,
      command: command(`crash ${perSeed}`),
    },
    {
      id: 'crash-loss',
      title: 'the same at 10 % loss',
      unit: 'ms',
      value: last(lossyCrash),
      atLeast: 20_000,
      aim: 12_000,
      command: command(`crash ${perSeed} --loss 10%`),
    },
    {
      id: 'false-deaths',
      title: 'healthy nodes declared dead in 1 h, 10 % loss, 2 % slow',
      unit: 'nodes',
      value: slow[0]!.result.falseDeaths,
      atLeast: 0,
      aim: 0,
      command: command('slow-node --loss 10% --duration 1h'),
    },
    {
      id: 'traffic',
      title: 'gossip sent per node, steady',
      unit: 'bytes/s',
      value: steady.result.bytesPerNodePerSecond,
      atLeast: 8_000,
      aim: 3_000,
      command: command('steady --duration 10m'),
    },
    {
      id: 'simulation',
      title: 'simulating 10 minutes takes',
      unit: 's',
      value: steady.result.wallSeconds,
      atLeast: 120,
      aim: 30,
      command: command('steady --duration 10m'),
    },
  ];
  const violations = [steady, ...outcomes].flatMap(({ result }) => result.violations).length;
  if (options.json) {
    const machine = { processor: cpus()[0]?.model ?? 'unknown', processors: availableParallelism() };
    process.stdout.write(`${JSON.stringify({ nodes, seeds, machine, violations, figures }, undefined, 2)}\n`);
  } else {
    const columns = [
      { title: 'FIGURE', wraps: true },
      ...['MEASURED', 'AT LEAST', 'AIM'].map((title) => ({ title, align: 'right' as const })),
    ];
    const rows = figures.map(({ title, unit, value, atLeast, aim }) => [
      title,
      ...[value, atLeast, aim].map((one) => inWords(one, unit)),
    ]);
    process.stdout.write(formatTable(columns, rows, standardOutput()));
    process.stdout.write(`${nodes} nodes, ${seeds} seeds; ${violations} violations\n`);
  }
  const isWell = violations === 0 && figures.every(({ value, atLeast }) => value <= atLeast);
  return isWell ? ExitCode.ok : ExitCode.failure;
}

/** Tells a person who waits. */
function note(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`${text}\n`);
}

/** Over the seeds, the 99th percentile of when the last node knew. */
function last(outcomes: readonly Outcome[]): number {
  return percentiles(outcomes.map(({ result }) => result.convergenceMs.max)).p99;
}

function inWords(value: number, unit: Figure['unit']): string {
  if (unit === 'ms') return `${(value / 1_000).toFixed(2)} s`;
  if (unit === 'bytes/s') return `${(value / 1_000).toFixed(2)} kB/s`;
  return unit === 's' ? `${value.toFixed(1)} s` : String(value);
}
