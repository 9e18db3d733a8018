/**
 * Gossip on real sockets, measured in a lab: a node killed, a partition healed, thousands of members known. The simulator
 * measures the rest.
 *
 *     sudo ./scripts/node bench/gossip-lab.ts [--only killed,partition,members] [--partition SECONDS] [--kills N]
 *                                             [--members N] [--json FILE]
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { formatTable } from '../src/cli/table.ts';
import { ConfigError, WeftError } from '../src/errors.ts';
import { BenchLab } from './gossip/bench-lab.ts';
import { measureMembers, type MemberFigures } from './gossip/many-members.ts';
import { measureKills } from './gossip/node-killed.ts';
import { measurePartition, type PartitionFigures } from './gossip/partition-healed.ts';
import { MAX_POPULATION } from './gossip/population-member.ts';
import { interruption, listenForSignals } from './interruption.ts';
import { removeLeftovers } from './leftovers.ts';
import { thisMachine } from './machine.ts';

const NODES = 10;

const parts = ['killed', 'partition', 'members'] as const;
type Part = (typeof parts)[number];

interface Options {
  readonly parts: readonly Part[];
  readonly kills: number;
  readonly partitionSeconds: number;
  readonly members: number;
  readonly json: string | undefined;
}

interface Figures {
  readonly kills?: readonly number[];
  readonly partition?: PartitionFigures & { readonly seconds: number };
  readonly members?: MemberFigures;
}

interface Row {
  readonly title: string;
  readonly unit: 's' | 'MB';
  readonly value: number;
  readonly least: number;
  readonly aim: number;
}

function parseOptions(): Options {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({
    options: { only: text, kills: text, partition: text, members: text, json: text },
  });
  const only = values.only?.split(',') ?? parts;
  const unknown = only.find((name) => !parts.some((part) => part === name));
  if (unknown !== undefined) throw new ConfigError('--only', `there is no ${unknown}; there are ${parts.join(', ')}`);
  return {
    parts: parts.filter((part) => only.includes(part)),
    kills: wholeNumber('--kills', values.kills ?? '5', 100),
    partitionSeconds: wholeNumber('--partition', values.partition ?? '300', 86_400),
    members: wholeNumber('--members', values.members ?? '5000', MAX_POPULATION),
    json: values.json,
  };
}

function wholeNumber(option: string, text: string, most: number): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1 && value <= most) return value;
  throw new ConfigError(option, `${text} is not a whole number from 1 to ${most}`);
}

async function measure(options: Options): Promise<Figures> {
  let figures: Figures = {};
  if (options.parts.some((part) => part !== 'members')) {
    await using lab = await BenchLab.up(NODES, 1, showProgress);
    if (options.parts.includes('killed')) {
      figures = { ...figures, kills: await measureKills(lab, options.kills, showProgress) };
    }
    if (options.parts.includes('partition')) {
      const seconds = options.partitionSeconds;
      figures = { ...figures, partition: { seconds, ...(await measurePartition(lab, seconds, showProgress)) } };
    }
  }
  if (options.parts.includes('members')) {
    await using lab = await BenchLab.up(1, 0, showProgress);
    figures = { ...figures, members: await measureMembers(lab, options.members, showProgress) };
  }
  return figures;
}

function rowsOf({ kills, partition, members }: Figures): Row[] {
  const rows: Row[] = [];
  if (kills !== undefined) {
    const title = `lab of ${NODES} real daemons: node killed, its routes gone everywhere (worst of ${kills.length})`;
    rows.push({ title, unit: 's', value: Math.max(...kills) / 1_000, least: 10, aim: 5 });
  }
  if (partition !== undefined) {
    const title = `lab: partition of ${partition.seconds} s healed, full matrix works again`;
    rows.push({ title, unit: 's', value: partition.untilMatrixMs / 1_000, least: 10, aim: 3 });
  }
  if (members !== undefined) {
    const title = `one real daemon that knows ${members.members} members and ${members.routes} routes, RSS`;
    rows.push({ title, unit: 'MB', value: members.settledMegabytes, least: 400, aim: 250 });
  }
  return rows;
}

function verdict({ value, least, aim }: Row): string {
  if (value <= aim) return 'aim reached';
  return value <= least ? 'reached' : 'missed';
}

/** On standard error, so that the table can be piped. */
function showProgress(step: string): void {
  process.stderr.write(`bench: ${step}\n`);
}

async function main(): Promise<number> {
  const options = parseOptions();
  listenForSignals();
  await removeLeftovers();
  const figures = await measure(options);
  const rows = rowsOf(figures);
  const numeric = { align: 'right' } as const;
  const table = formatTable(
    [
      { title: 'MEASURE', wraps: true },
      { title: 'VALUE', ...numeric },
      { title: 'AT LEAST', ...numeric },
      { title: 'AIM', ...numeric },
      { title: 'VERDICT' },
    ],
    rows.map((row) => [
      row.title,
      ...[row.value, row.least, row.aim].map((v) => `${round(v)} ${row.unit}`),
      verdict(row),
    ]),
    { widthColumns: undefined, colour: false },
  );
  process.stdout.write(table);
  const document = {
    format: 1,
    startedAt: new Date(Date.now() - performance.now()).toISOString(),
    machine: thisMachine(),
    targets: rows.map((row) => ({ ...row, verdict: verdict(row) })),
    figures,
  };
  const json = `${JSON.stringify(document, undefined, 2)}\n`;
  if (options.json === undefined) process.stdout.write(json);
  else writeFileSync(options.json, json);
  return rows.some((row) => verdict(row) === 'missed') ? 1 : 0;
}

function round(value: number): string {
  return value < 100 ? value.toFixed(1) : value.toFixed(0);
}

try {
  process.exitCode = await main();
} catch (error) {
  if (interruption.aborted) {
    process.stderr.write('bench: interrupted; everything was taken down\n');
    process.exitCode = 130;
  } else if (error instanceof WeftError) {
    process.stderr.write(`bench: ${error.message}\n`);
    process.exitCode = 1;
  } else {
    throw error;
  }
}
