/** Micro-benchmarks as text, beside those of a saved run if there is one. Pure. */
import { formatTable, type Cell, type Column } from '../../src/terminal/table.ts';
import { threeDigits } from '../report.ts';
import type { MicroResult } from './micro-benchmark.ts';

/** A saved run: `--save` writes it, `--compare` reads it. */
export interface SavedRun {
  readonly format: 1;
  readonly savedAt: string;
  readonly node: string;
  readonly results: readonly MicroResult[];
}

/** A table, a line feed at its end. Ratios are of the shortest samples, which others disturbed the least: below 1 is faster. */
export function microTable(results: readonly MicroResult[], before?: SavedRun): string {
  const columns: Column[] = [
    { title: 'Row' },
    { title: 'per' },
    { title: 'median ns', align: 'right' },
    { title: 'min ns', align: 'right' },
    { title: 'bytes', align: 'right' },
    ...(before === undefined ? [] : ([{ title: 'ratio', align: 'right' }] as const)),
  ];
  const rows = results.map((result): Cell[] => {
    const { name, unit, nsPerUnit, minNsPerUnit, allocatedBytesPerUnit } = result;
    const figures = [nsPerUnit, minNsPerUnit, allocatedBytesPerUnit].map((value) => threeDigits(value));
    const earlier = before?.results.find((other) => other.name === name);
    const ratio = earlier === undefined ? '-' : `x${threeDigits(minNsPerUnit / earlier.minNsPerUnit)}`;
    return [name, unit, ...figures, ...(before === undefined ? [] : [ratio])];
  });
  return formatTable(columns, rows, { widthColumns: 100, colour: false });
}
