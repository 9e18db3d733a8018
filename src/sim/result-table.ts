/** Results for people. */
import { formatTable, type Column } from '../terminal/table.ts';
import type { Terminal } from '../terminal/terminal.ts';
import type { Percentiles, Result } from './result.ts';

/** A line of the table: one run, or the same with several seeds. */
export interface ResultRow {
  readonly scenario: string;
  readonly nodes: number;
  readonly seeds: string;
  readonly hasManySeeds: boolean;
  readonly lossProbability: number;
  readonly durationMs: number;
  readonly convergenceMs: Percentiles;
  readonly bytesPerNodePerSecond: number;
  readonly falseDeaths: number;
  readonly violations: number;
  readonly wallSeconds: number;
}

const columns: readonly Column[] = [
  { title: 'SCENARIO' },
  { title: 'LOSS', align: 'right' },
  { title: 'HALF', align: 'right' },
  { title: '99 %', align: 'right' },
  { title: 'LAST', align: 'right' },
  { title: 'SENT', align: 'right' },
  { title: 'FALSE', align: 'right' },
  { title: 'WRONG', align: 'right' },
  { title: 'TOOK', align: 'right' },
];

/** The table with what its columns mean, a line feed at the end of each line. Fits 80 columns. */
export function formatResults(rows: readonly ResultRow[], terminal: Terminal): string {
  const [first] = rows;
  if (first === undefined) return '';
  const table = formatTable(
    columns,
    rows.map((row) => [
      row.scenario,
      `${Number((100 * row.lossProbability).toFixed(2))} %`,
      formatTime(row.convergenceMs.p50),
      formatTime(row.convergenceMs.p99),
      formatTime(row.convergenceMs.max),
      `${(row.bytesPerNodePerSecond / 1_000).toFixed(2)} kB/s`,
      row.falseDeaths,
      row.violations,
      `${row.wallSeconds.toFixed(1)} s`,
    ]),
    terminal,
  );
  const [what, who] = first.hasManySeeds
    ? ['HALF, 99 %, LAST', 'until all nodes saw everything as it is: for half of the seeds, 99 %, the last']
    : ['HALF, 99 %, LAST', 'until so many of the nodes saw everything as it is'];
  const duration = rows.length === 1 ? `, ${formatLongTime(first.durationMs)} of virtual time` : '';
  return [
    `${first.nodes} nodes, ${first.hasManySeeds ? 'seeds' : 'seed'} ${first.seeds}${duration}\n\n`,
    table,
    `\n${what}  ${who}\n`,
    'SENT              by each node, with headers of IP, UDP and TCP\n',
    'FALSE             healthy nodes that somebody held dead\n',
    'WRONG             rules that were broken\n',
  ].join('');
}

/** What went wrong, per run. */
export function formatViolations(results: readonly Result[], replay: (result: Result) => string): string {
  return results
    .filter(({ violations }) => violations.length > 0)
    .map((result) => {
      const lines = result.violations.map(
        ({ atMs, kind, message }) => `  ${(atMs / 1_000).toFixed(3)} s  ${kind}: ${message}\n`,
      );
      const shown = lines.slice(0, MAX_SHOWN);
      const rest = lines.length > shown.length ? `  and ${lines.length - shown.length} more\n` : '';
      return `\n${result.scenario}, seed ${result.seed}: ${lines.length} violations\n${shown.join('')}${rest}  replay: ${replay(result)}\n`;
    })
    .join('');
}

/** Violations shown per run. */
const MAX_SHOWN = 10;

function formatTime(ms: number): string {
  return ms < 1_000 ? `${ms.toFixed(0)} ms` : `${(ms / 1_000).toFixed(2)} s`;
}

function formatLongTime(ms: number): string {
  return ms < 120_000 ? `${Number((ms / 1_000).toFixed(1))} s` : `${Number((ms / 60_000).toFixed(1))} min`;
}
