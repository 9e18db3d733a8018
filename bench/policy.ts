/**
 * `npm run bench:policy`: what network policies cost, with 1 000 of them, and 5 000 pods, 200 of which are at the node that is measured: until
 * a change is enforced, when a pod is made, and for packets. In network namespaces of its own, and one around them.
 */
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';
import { exitWith } from './interruption.ts';
import { chosenParts, parsed, wholeNumber } from './option-values.ts';
import { type AdditionFigures, AT_ONCE, measureAdditions } from './policy/additions.ts';
import { type ChangeFigures, measureChanges } from './policy/changes.ts';
import { PolicyLab } from './policy/policy-lab.ts';
import { measureRates, type RateFigures } from './policy/rates.ts';
import { residentMegabytes } from './processor-time.ts';
import { showProgress } from './progress.ts';
import { median, percentile } from './statistics.ts';
import { ratioRow, reportTargets, type TargetRow, toldRow } from './target-report.ts';

const parts = ['changes', 'add', 'rates'] as const;
type Part = (typeof parts)[number];

/** Most that a change may take (p99), in ms. */
const MOST_CHANGE_MS = 100;
/** Most that an ADD may take longer with policies, in ms. */
const MOST_ADD_MS = 20;
/** Least ratios with policies to none. */
const LEAST_TCP = 0.95;
const LEAST_UDP = 0.9;

/** Most that may be asked for: a change takes half a second, a pair half a minute. */
const MOST_CHANGES = 10_000;
const MOST_PAIRS = 1_000;

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
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean' } as const;
  const options = { only: text, changes: text, pairs: text, json: text } as const;
  // `alone` is given by this program to itself.
  const { values } = parsed(() => parseArgs({ options: { ...options, help: { ...flag, short: 'h' }, alone: flag } }));
  if (values.help === true) return 'help';
  return {
    parts: chosenParts(parts, values.only),
    changes: wholeNumber('--changes', values.changes ?? '100', MOST_CHANGES),
    pairs: wholeNumber('--pairs', values.pairs ?? '20', MOST_PAIRS),
    json: values.json,
  };
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

function rowsOf({ memory, firstMs, changes, add, rates }: Figures): TargetRow[] {
  return [
    ...(changes ?? []).map(changeRow),
    ...(add === undefined ? [] : additionRows(add)),
    ...(rates ?? []).flatMap(({ title, tcp, udp }) => [
      ratioRow(`TCP, one stream, ${title}, to no policies`, tcp, LEAST_TCP),
      ratioRow(`UDP 64 bytes, ${title}, to no policies`, udp, LEAST_UDP),
    ]),
    toldRow('all policies, until they are enforced', `${firstMs.toFixed(0)} ms`),
    toldRow(
      'memory of the daemon: no policies, all of them, at the end',
      [memory.before, memory.with, memory.after ?? Number.NaN].map((one) => one.toFixed(0)).join(', ') + ' MB',
    ),
  ];
}

function changeRow({ title, ms, isLarge }: ChangeFigures): TargetRow {
  const sorted = ms.toSorted((a, b) => a - b);
  const p99 = percentile(sorted, 0.99);
  const most = sorted.at(-1)!;
  const figures = [median(ms), p99, most].map((one) => (Number.isNaN(one) ? '-' : one.toFixed(0)));
  const value = `${figures.join(' ')} ms`;
  if (isLarge || Number.isNaN(p99)) return toldRow(`p50, p99, max: ${title}`, value);
  const verdict = p99 < MOST_CHANGE_MS ? 'reached' : 'missed';
  return { title: `p50, p99, max: ${title}`, value, target: `p99 < ${MOST_CHANGE_MS} ms`, verdict };
}

function additionRows({ withPolicies, without }: AdditionFigures): TargetRow[] {
  return [
    additionRow('a pod is made, with policies to without', withPolicies.single, without.single, MOST_ADD_MS),
    additionRow(`${AT_ONCE} pods are made at once, the same`, withPolicies.together, without.together, undefined),
  ];
}

/** @param most by how much it may take longer, in ms; `undefined`: that is not said */
function additionRow(
  title: string,
  some: readonly number[],
  none: readonly number[],
  most: number | undefined,
): TargetRow {
  const [on, off] = [median(some), median(none)];
  const value = `${on.toFixed(1)} to ${off.toFixed(1)} ms`;
  if (most === undefined) return toldRow(title, value);
  return { title, value, target: `+${most} ms`, verdict: on - off <= most ? 'reached' : 'missed' };
}

async function main(): Promise<number> {
  const options = parseOptions();
  if (options === 'help') {
    process.stdout.write(usage);
    return 0;
  }
  const { changes, pairs, json } = options;
  if (process.argv.includes('--alone')) {
    const measured = async (directory: string): Promise<Figures> => measure(options, directory);
    return await reportTargets({ measure: measured, rowsOf, valueTitle: 'VALUE', json, settings: { changes, pairs } });
  }
  const argv = ['--net', '--', process.execPath, ...process.execArgv, ...process.argv.slice(1), '--alone'];
  return spawnSync('unshare', argv, { stdio: 'inherit' }).status ?? 1;
}

await exitWith(main);
