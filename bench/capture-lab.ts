/**
 * `npm run bench:capture`: what it costs to look at packets. What can be switched is switched within one run, off, on, off, and
 * the next time the other way round; what cannot, the flight recorder, is compared between two sites. Medians of ratios.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { formatTable } from '../src/terminal/table.ts';
import { ConfigError } from '../src/errors.ts';
import { measureFullCapture, type FullCaptureFigures } from './capture/full-capture.ts';
import { measureSites, measureSwitched, type PairFigures } from './capture/pairs.ts';
import { filterSwitch, withRecorder } from './capture/variants.ts';
import { exitWith, listenForSignals } from './interruption.ts';
import { removeLeftovers, runName } from './leftovers.ts';
import { thisMachine } from './machine.ts';
import { showProgress } from './progress.ts';
import { median } from './statistics.ts';

const parts = ['filter', 'recorder', 'full', 'remote'] as const;
type Part = (typeof parts)[number];

/** Least ratio with a filter that matches nothing to without any capture. */
const LEAST_RATIO = 0.97;
/** Most that a timer of gossip may be late during a capture at full rate, in ms. */
const MOST_LATE_MS = 50;

interface Options {
  readonly parts: readonly Part[];
  readonly pairs: number;
  readonly json: string | undefined;
}

interface Figures {
  filter?: PairFigures;
  recorder?: PairFigures;
  full?: FullCaptureFigures;
  remote?: FullCaptureFigures;
}

const usage = `usage: sudo npm run bench:capture -- [OPTIONS]

  --only NAMES  parts to measure, with commas between: ${parts.join(',')}
                filter    a capture whose filter matches nothing, to no capture
                recorder  the flight recorder, to none
                full      a capture of everything on both nodes, and how late timers of gossip are meanwhile
                remote    the same, of both nodes from one of them
  --pairs N     pairs of runs per row (20)
  --json FILE   write every value to FILE
`;

function parseOptions(): Options | 'help' {
  const values = parse();
  if (values.help === true) return 'help';
  const only = values.only?.split(',') ?? parts;
  const unknown = only.find((name) => !parts.some((part) => part === name));
  if (unknown !== undefined) throw new ConfigError('--only', `there is no ${unknown}; there are ${parts.join(', ')}`);
  const pairs = Number(values.pairs ?? '20');
  if (!Number.isInteger(pairs) || pairs < 1) throw new ConfigError('--pairs', `${values.pairs} is not a whole number`);
  return { parts: parts.filter((part) => only.includes(part)), pairs, json: values.json };
}

function parse() {
  const text = { type: 'string' } as const;
  const help = { type: 'boolean', short: 'h' } as const;
  try {
    return parseArgs({ options: { only: text, pairs: text, json: text, help } }).values;
  } catch (error) {
    throw new ConfigError('', error instanceof Error ? error.message : String(error));
  }
}

async function measure({ parts, pairs }: Options, directory: string): Promise<Figures> {
  const figures: Figures = {};
  const home = (part: Part): string => {
    const path = join(directory, part);
    mkdirSync(path);
    return path;
  };
  if (parts.includes('filter')) {
    figures.filter = await measureSwitched(filterSwitch, home('filter'), pairs, showProgress);
  }
  if (parts.includes('recorder')) {
    figures.recorder = await measureSites(withRecorder, home('recorder'), pairs, showProgress);
  }
  if (parts.includes('full')) figures.full = await measureFullCapture('local', home('full'), showProgress);
  if (parts.includes('remote')) figures.remote = await measureFullCapture('remote', home('remote'), showProgress);
  return figures;
}

/** A row of the table, and whether it is what was asked for. */
interface Row {
  readonly title: string;
  readonly value: string;
  readonly target: string;
  readonly verdict: 'reached' | 'missed' | '';
}

function rowsOf({ filter, recorder, full, remote }: Figures): Row[] {
  const rows: Row[] = [];
  const ratio = (title: string, ratios: readonly number[], isTarget: boolean): void => {
    const value = median(ratios);
    const [least, most] = [Math.min(...ratios), Math.max(...ratios)];
    rows.push({
      title,
      value: `${value.toFixed(3)} (${least.toFixed(2)}-${most.toFixed(2)})`,
      target: isTarget ? `>= ${LEAST_RATIO}` : '',
      verdict: isTarget ? (value >= LEAST_RATIO ? 'reached' : 'missed') : '',
    });
  };
  if (filter !== undefined) {
    ratio('TCP, a filter that matches nothing, to no capture', filter.tcp, true);
    ratio('UDP 64 bytes, a filter that matches nothing, to no capture', filter.udp, true);
  }
  if (recorder !== undefined) {
    ratio('TCP, the flight recorder, to none', recorder.tcp, false);
    ratio('UDP 64 bytes, the flight recorder, to none', recorder.udp, false);
  }
  const everything = (how: string, figures: FullCaptureFigures | undefined): void => {
    if (figures === undefined) return;
    const { ratios, lateMs } = figures;
    ratio(`TCP, everything captured ${how}, headers only, to no capture`, ratios, false);
    rows.push({
      title: 'timers of gossip late meanwhile, at most',
      value: `${lateMs.toFixed(1)} ms`,
      target: `<= ${MOST_LATE_MS} ms`,
      verdict: lateMs <= MOST_LATE_MS ? 'reached' : 'missed',
    });
  };
  everything('on both nodes', full);
  everything('from one node with --all', remote);
  return rows;
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
        { title: 'MEDIAN', align: 'right' },
        { title: 'TARGET' },
        { title: 'VERDICT' },
      ],
      rows.map(({ title, value, target, verdict }) => [title, value, target, verdict]),
      { widthColumns: undefined, colour: false },
    );
    process.stdout.write(table);
    const document = { format: 1, machine: thisMachine(), pairs: options.pairs, figures };
    if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(document, undefined, 2)}\n`);
    return rows.some(({ verdict }) => verdict === 'missed') ? 1 : 0;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

await exitWith(main);
