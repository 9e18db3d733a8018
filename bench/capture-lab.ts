/**
 * `npm run bench:capture`: what it costs to look at packets. What can be switched is switched within one run, off, on, off, and
 * the next time the other way round; what cannot, the flight recorder, is compared between two sites. Medians of ratios.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { measureFullCapture, type FullCaptureFigures } from './capture/full-capture.ts';
import { measureSites, measureSwitched, type PairFigures } from './capture/pairs.ts';
import { filterSwitch, withRecorder } from './capture/variants.ts';
import { exitWith } from './interruption.ts';
import { chosenParts, parsed, wholeNumber } from './option-values.ts';
import { showProgress } from './progress.ts';
import { ratioRow, reportTargets, type TargetRow } from './target-report.ts';

const parts = ['filter', 'recorder', 'full', 'remote'] as const;
type Part = (typeof parts)[number];

/** Least ratio with a filter that matches nothing to without any capture. */
const LEAST_RATIO = 0.97;
/** Most that a timer of gossip may be late during a capture at full rate, in ms. */
const MOST_LATE_MS = 50;
/** Most that may be asked for: a pair takes half a minute. */
const MOST_PAIRS = 1_000;

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
  const text = { type: 'string' } as const;
  const help = { type: 'boolean', short: 'h' } as const;
  const { values } = parsed(() => parseArgs({ options: { only: text, pairs: text, json: text, help } }));
  if (values.help === true) return 'help';
  return {
    parts: chosenParts(parts, values.only),
    pairs: wholeNumber('--pairs', values.pairs ?? '20', MOST_PAIRS),
    json: values.json,
  };
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

function rowsOf({ filter, recorder, full, remote }: Figures): TargetRow[] {
  const rows: TargetRow[] = [];
  if (filter !== undefined) {
    rows.push(
      ratioRow('TCP, a filter that matches nothing, to no capture', filter.tcp, LEAST_RATIO),
      ratioRow('UDP 64 bytes, a filter that matches nothing, to no capture', filter.udp, LEAST_RATIO),
    );
  }
  if (recorder !== undefined) {
    rows.push(
      ratioRow('TCP, the flight recorder, to none', recorder.tcp, undefined),
      ratioRow('UDP 64 bytes, the flight recorder, to none', recorder.udp, undefined),
    );
  }
  if (full !== undefined) rows.push(...fullRows('on both nodes', full));
  if (remote !== undefined) rows.push(...fullRows('from one node with --all', remote));
  return rows;
}

function fullRows(how: string, { ratios, lateMs }: FullCaptureFigures): TargetRow[] {
  return [
    ratioRow(`TCP, everything captured ${how}, headers only, to no capture`, ratios, undefined),
    {
      title: 'timers of gossip late meanwhile, at most',
      value: `${lateMs.toFixed(1)} ms`,
      target: `<= ${MOST_LATE_MS} ms`,
      verdict: lateMs <= MOST_LATE_MS ? 'reached' : 'missed',
    },
  ];
}

async function main(): Promise<number> {
  const options = parseOptions();
  if (options === 'help') {
    process.stdout.write(usage);
    return 0;
  }
  const { pairs, json } = options;
  const measured = async (directory: string): Promise<Figures> => measure(options, directory);
  return await reportTargets({ measure: measured, rowsOf, valueTitle: 'MEDIAN', json, settings: { pairs } });
}

await exitWith(main);
