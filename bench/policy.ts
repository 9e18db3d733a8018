/**
 * `npm run bench:policy`: what network policies cost, with 1 000 of them, and 5 000 pods, 200 of which are at the node that is measured: until
 * a change is enforced, when a pod is made, and for packets. In network namespaces of its own, and one around them.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { ConfigError } from '../src/errors.ts';
import { formatTable } from '../src/terminal/table.ts';
import { exitWith, listenForSignals } from './interruption.ts';
import { removeLeftovers, runName } from './leftovers.ts';
import { thisMachine } from './machine.ts';
import { type AdditionFigures, measureAdditions } from './policy/additions.ts';
import { type ChangeFigures, measureChanges } from './policy/changes.ts';
import { PolicyLab } from './policy/policy-lab.ts';
import { measureRates, type RateFigures } from './policy/rates.ts';
import { residentMegabytes } from './processor-time.ts';
import { showProgress } from './progress.ts';
import { median, percentile } from './statistics.ts';

const parts = ['changes', 'add', 'rates'] as const;
type Part = (typeof parts)[number];

/** Most that a change may take (p99), in ms. */
const MOST_CHANGE_MS = 100;
/** Most that an ADD may take longer with policies, in ms. */
const MOST_ADD_MS = 20;
/** Least ratios with policies to none. */
const LEAST_TCP = 0.95;
const LEAST_UDP = 0.9;

/** Rounds in which pods are made, and how many in each. */
const ADD_ROUNDS = 5;
const ADD_PODS = 20;

interface Options {
  readonly parts: readonly Part[];
  readonly changes: number;
  readonly pairs: number;
  readonly json: string | undefined;
}

interface Figures {
  /** Of the daemon, in MB. */
  readonly memory: { readonly before: number; readonly with: number; after?: number };
  /** Until all policies, which came at once, were enforced, in ms. */
  readonly firstMs: number;
  changes?: readonly ChangeFigures[];
  add?: AdditionFigures;
  rates?: readonly RateFigures[];
}

const usage = `usage: sudo npm run bench:policy -- [OPTIONS]

  --only NAMES   parts to measure, with commas between: ${parts.join(',')}
                 changes  until the kernel enforces what changed
                 add      pods that are made with policies, and without, by turns
                 rates    traffic with policies, and without, by turns within one run
  --changes N    changes of each kind (100)
  --pairs N      pairs of rates per row (20)
  --json FILE    write every value to FILE
`;

function parseOptions(): Options | 'help' {
  const values = parse();
  if (values.help === true) return 'help';
  const only = values.only?.split(',') ?? parts;
  const unknown = only.find((name) => !parts.some((part) => part === name));
  if (unknown !== undefined) throw new ConfigError('--only', `there is no ${unknown}; there are ${parts.join(', ')}`);
  return {
    parts: parts.filter((part) => only.includes(part)),
    changes: numberOf('--changes', values.changes ?? '100'),
    pairs: numberOf('--pairs', values.pairs ?? '20'),
    json: values.json,
  };
}

function numberOf(option: string, text: string): number {
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1) throw new ConfigError(option, `${text} is not a whole number`);
  return number;
}

function parse() {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean' } as const;
  try {
    return parseArgs({
      // `alone` is given by this program to itself.
      options: { only: text, changes: text, pairs: text, json: text, help: { ...flag, short: 'h' }, alone: flag },
    }).values;
  } catch (error) {
    throw new ConfigError('', error instanceof Error ? error.message : String(error));
  }
}

async function measure({ parts, changes, pairs }: Options, directory: string): Promise<Figures> {
  await using cleanUp = new AsyncDisposableStack();
  const lab = await PolicyLab.up(directory, cleanUp, showProgress);
  const { pid } = lab.a.program;
  const before = residentMegabytes(pid);
  showProgress('all policies');
  const firstMs = await lab.setPolicies(true);
  const figures: Figures = { memory: { before, with: residentMegabytes(pid) }, firstMs };
  if (parts.includes('changes')) figures.changes = await measureChanges(lab, changes, showProgress);
  if (parts.includes('add')) figures.add = await measureAdditions(lab, ADD_ROUNDS, ADD_PODS, showProgress);
  if (parts.includes('rates')) figures.rates = await measureRates(lab, pairs, showProgress);
  figures.memory.after = residentMegabytes(pid);
  return figures;
}

/** A row of the table, and whether it is what was asked for. */
interface Row {
  readonly title: string;
  readonly value: string;
  readonly target: string;
  readonly verdict: 'reached' | 'missed' | '';
}

function rowsOf({ memory, firstMs, changes, add, rates }: Figures): Row[] {
  return [
    ...(changes ?? []).map(changeRow),
    ...(add === undefined ? [] : additionRows(add)),
    ...(rates ?? []).flatMap(({ title, tcp, udp }) => [
      rateRow(`TCP, one stream, ${title}, to no policies`, tcp, LEAST_TCP),
      rateRow(`UDP 64 bytes, ${title}, to no policies`, udp, LEAST_UDP),
    ]),
    told('all policies, until they are enforced', `${firstMs.toFixed(0)} ms`),
    told(
      'memory of the daemon: no policies, all of them, at the end',
      [memory.before, memory.with, memory.after ?? Number.NaN].map((one) => one.toFixed(0)).join(', ') + ' MB',
    ),
  ];
}

function changeRow({ title, ms, isLarge }: ChangeFigures): Row {
  const sorted = ms.toSorted((a, b) => a - b);
  const p99 = percentile(sorted, 0.99);
  const most = sorted.at(-1)!;
  const figures = [median(ms), p99, most].map((one) => (Number.isNaN(one) ? '-' : one.toFixed(0)));
  const value = `${figures.join(' ')} ms`;
  if (isLarge || Number.isNaN(p99)) return told(`p50, p99, max: ${title}`, value);
  const verdict = p99 < MOST_CHANGE_MS ? 'reached' : 'missed';
  return { title: `p50, p99, max: ${title}`, value, target: `p99 < ${MOST_CHANGE_MS} ms`, verdict };
}

function additionRows({ withPolicies, without }: AdditionFigures): Row[] {
  return [
    additionRow('a pod is made, with policies to without', withPolicies.single, without.single, MOST_ADD_MS),
    additionRow('32 pods are made at once, the same', withPolicies.together, without.together, undefined),
  ];
}

/** @param most by how much it may take longer, in ms; `undefined`: that is not said */
function additionRow(title: string, some: readonly number[], none: readonly number[], most: number | undefined): Row {
  const [on, off] = [median(some), median(none)];
  const value = `${on.toFixed(1)} to ${off.toFixed(1)} ms`;
  if (most === undefined) return told(title, value);
  return { title, value, target: `+${most} ms`, verdict: on - off <= most ? 'reached' : 'missed' };
}

function rateRow(title: string, ratios: readonly number[], least: number): Row {
  const value = median(ratios);
  return {
    title,
    value: `${value.toFixed(3)} (${Math.min(...ratios).toFixed(2)}-${Math.max(...ratios).toFixed(2)})`,
    target: `>= ${least}`,
    verdict: value >= least ? 'reached' : 'missed',
  };
}

function told(title: string, value: string): Row {
  return { title, value, target: '', verdict: '' };
}

async function main(): Promise<number> {
  const options = parseOptions();
  if (options === 'help') {
    process.stdout.write(usage);
    return 0;
  }
  listenForSignals();
  await removeLeftovers();
  const directory = mkdtempSync(join(tmpdir(), `${runName()}-`));
  try {
    const figures = await measure(options, directory);
    const rows = rowsOf(figures);
    const table = formatTable(
      [
        { title: 'MEASURE', wraps: true },
        { title: 'VALUE', align: 'right' },
        { title: 'TARGET' },
        { title: 'VERDICT' },
      ],
      rows.map(({ title, value, target, verdict }) => [title, value, target, verdict]),
      { widthColumns: undefined, colour: false },
    );
    process.stdout.write(table);
    const document = { format: 1, machine: thisMachine(), figures };
    if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(document, undefined, 2)}\n`);
    return rows.some(({ verdict }) => verdict === 'missed') ? 1 : 0;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

if (process.argv.includes('--alone')) await exitWith(main);
else {
  const argv = ['--net', '--', process.execPath, ...process.execArgv, ...process.argv.slice(1), '--alone'];
  process.exitCode = spawnSync('unshare', argv, { stdio: 'inherit' }).status ?? 1;
}
