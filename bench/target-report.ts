/** What a benchmark says at its end: a row for each figure, and whether that is what was asked for. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { formatTable } from '../src/terminal/table.ts';
import { listenForSignals } from './interruption.ts';
import { removeLeftovers, runName } from './leftovers.ts';
import { thisMachine } from './machine.ts';
import { median } from './statistics.ts';

/** A row of the table. */
export interface TargetRow {
  readonly title: string;
  readonly value: string;
  readonly target: string;
  readonly verdict: 'reached' | 'missed' | '';
}

/** A benchmark, and what is to become of its figures. */
export interface TargetRun<Figures> {
  /** @param directory empty; it is removed afterwards */
  readonly measure: (directory: string) => Promise<Figures>;
  readonly rowsOf: (figures: Figures) => readonly TargetRow[];
  /** Of the column of values. */
  readonly valueTitle: string;
  /** File for every value. */
  readonly json: string | undefined;
  /** How it was measured, for that file. */
  readonly settings: object;
}

/** Measures, and prints the table. @returns the exit code: 1 if a target was missed */
export async function reportTargets<Figures>(run: TargetRun<Figures>): Promise<number> {
  const { measure, rowsOf, valueTitle, json, settings } = run;
  listenForSignals();
  await removeLeftovers();
  const directory = mkdtempSync(join(tmpdir(), `${runName()}-`));
  try {
    const figures = await measure(directory);
    const rows = rowsOf(figures);
    const table = formatTable(
      [
        { title: 'MEASURE', wraps: true },
        { title: valueTitle, align: 'right' },
        { title: 'TARGET' },
        { title: 'VERDICT' },
      ],
      rows.map(({ title, value, target, verdict }) => [title, value, target, verdict]),
      { widthColumns: undefined, colour: false },
    );
    process.stdout.write(table);
    const document = { format: 1, machine: thisMachine(), ...settings, figures };
    if (json !== undefined) writeFileSync(json, `${JSON.stringify(document, undefined, 2)}\n`);
    return rows.some(({ verdict }) => verdict === 'missed') ? 1 : 0;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** A figure of which nothing is asked. */
export function toldRow(title: string, value: string): TargetRow {
  return { title, value, target: '', verdict: '' };
}

/** The median of ratios, with the least and the greatest. @param least that it is to be; `undefined`: nothing is asked */
export function ratioRow(title: string, ratios: readonly number[], least: number | undefined): TargetRow {
  const ratio = median(ratios);
  const value = `${ratio.toFixed(3)} (${Math.min(...ratios).toFixed(2)}-${Math.max(...ratios).toFixed(2)})`;
  if (least === undefined) return toldRow(title, value);
  return { title, value, target: `>= ${least}`, verdict: ratio >= least ? 'reached' : 'missed' };
}
