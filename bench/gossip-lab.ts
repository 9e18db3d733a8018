/**
 * `npm run bench:gossip`: gossip on real sockets, measured in a lab: a node killed, a partition healed, thousands of members, and
 * tens of thousands of pods, known. The simulator measures the rest.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { formatTable } from '../src/terminal/table.ts';
import { BenchLab } from './gossip/bench-lab.ts';
import { measureMembers, type MemberFigures } from './gossip/many-members.ts';
import { measureKills } from './gossip/node-killed.ts';
import { measurePartition, type PartitionFigures } from './gossip/partition-healed.ts';
import { MAX_POPULATION } from './gossip/population-member.ts';
import { exitWith, listenForSignals } from './interruption.ts';
import { removeLeftovers } from './leftovers.ts';
import { thisMachine } from './machine.ts';
import { chosenParts, parsed, wholeNumber } from './option-values.ts';
import { showProgress } from './progress.ts';

const NODES = 10;

/** Nodes whose pods one daemon knows, and how many each has. */
const POD_MEMBERS = 1_000;
const PODS_EACH = 30;

const parts = ['killed', 'partition', 'members', 'pods'] as const;
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
  /** The same daemon among members without pods, and with. */
  readonly pods?: { readonly without: MemberFigures; readonly with: MemberFigures };
}

interface Row {
  readonly title: string;
  readonly unit: 's' | 'MB';
  readonly value: number;
  readonly least: number;
  readonly aim: number;
}

const usage = `usage: sudo npm run bench:gossip -- [OPTIONS]

  --only NAMES         parts to measure, with commas between: ${parts.join(',')}
  --kills N            nodes that are killed, one after the other (5)
  --partition SECONDS  how long the partition holds (300)
  --members N          members that one daemon knows, with ten routes each (5000)
  --json FILE          write every value to FILE
`;

function parseOptions(): Options | 'help' {
  const text = { type: 'string' } as const;
  const help = { type: 'boolean', short: 'h' } as const;
  const options = { only: text, kills: text, partition: text, members: text, json: text, help } as const;
  const { values } = parsed(() => parseArgs({ options }));
  if (values.help === true) return 'help';
  return {
    parts: chosenParts(parts, values.only),
    kills: wholeNumber('--kills', values.kills ?? '5', 100),
    partitionSeconds: wholeNumber('--partition', values.partition ?? '300', 86_400),
    members: wholeNumber('--members', values.members ?? '5000', MAX_POPULATION),
    json: values.json,
  };
}

async function measure(options: Options): Promise<Figures> {
  let figures: Figures = {};
  if (options.parts.some((part) => part === 'killed' || part === 'partition')) {
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
  if (options.parts.includes('pods')) {
    const measured: MemberFigures[] = [];
    for (const podsEach of [0, PODS_EACH]) {
      await using lab = await BenchLab.up(1, 0, showProgress);
      measured.push(await measureMembers(lab, POD_MEMBERS, showProgress, podsEach));
    }
    figures = { ...figures, pods: { without: measured[0]!, with: measured[1]! } };
  }
  return figures;
}

function rowsOf({ kills, partition, members, pods }: Figures): Row[] {
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
  if (pods !== undefined) {
    const { pods: count, settledMegabytes, untilKnownMs } = pods.with;
    const title = `one real daemon that knows ${count} pods of ${POD_MEMBERS} nodes`;
    const moreMegabytes = settledMegabytes - pods.without.settledMegabytes;
    rows.push({ title: `${title}: RSS beyond that with none`, unit: 'MB', value: moreMegabytes, least: 40, aim: 20 });
    rows.push({
      title: `${title}: from its start until it does`,
      unit: 's',
      value: untilKnownMs / 1_000,
      least: 30,
      aim: 10,
    });
  }
  return rows;
}

function verdict({ value, least, aim }: Row): string {
  if (value <= aim) return 'aim reached';
  return value <= least ? 'reached' : 'missed';
}

async function main(): Promise<number> {
  const options = parseOptions();
  if (options === 'help') {
    process.stdout.write(usage);
    return 0;
  }
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

await exitWith(main);
