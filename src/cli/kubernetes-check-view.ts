/** What a check of a cluster found, for people. Pure. */
import type { CheckOutcome, ClusterCheck } from '../kubectl/cluster-check.ts';
import { formatRoundTrip } from './duration.ts';
import { wrap } from '../terminal/table.ts';
import { paint, type Terminal, type Tone, warning } from '../terminal/terminal.ts';

const words: Readonly<Record<CheckOutcome['outcome'], readonly [word: string, tone: Tone | undefined]>> = {
  passed: ['ok', 'good'],
  failed: ['FAILED', 'bad'],
  skipped: ['skipped', undefined],
};
const WORD_COLUMNS = 8;

/** A line; below one that failed what weft says of it. */
export function formatOutcome(outcome: CheckOutcome, terminal: Terminal): string {
  const { name, family, outcome: what, detail, tookMs, explanation } = outcome;
  const [word, tone] = words[what];
  const took = tookMs === null ? '' : `, ${formatRoundTrip(tookMs)}`;
  const room = (terminal.widthColumns ?? Infinity) - WORD_COLUMNS;
  const text = wrap(`IPv${family}, ${name}: ${detail}${what === 'passed' ? took : ''}`, room);
  const head = paint(word, tone, terminal) + ' '.repeat(WORD_COLUMNS - word.length);
  const lines = [
    ...text.map((line, at) => `${at === 0 ? head : ' '.repeat(WORD_COLUMNS)}${line}`),
    ...(explanation === ''
      ? []
      : explanation.split('\n').map((line) => `${' '.repeat(WORD_COLUMNS)}| ${line}`.trimEnd())),
  ];
  return lines.map((line) => `${line}\n`).join('');
}

/** How many of each. */
export function formatSummary({ checks }: ClusterCheck, terminal: Terminal): string {
  const count = (which: CheckOutcome['outcome']): number => checks.filter(({ outcome }) => outcome === which).length;
  const text = `${count('passed')} passed, ${count('failed')} failed, ${count('skipped')} skipped`;
  return `${count('failed') === 0 ? text : warning(text, terminal)}\n`;
}

/** Whether something was tried, and nothing failed. */
export function isGood({ checks }: ClusterCheck): boolean {
  return checks.some(({ outcome }) => outcome === 'passed') && checks.every(({ outcome }) => outcome !== 'failed');
}
