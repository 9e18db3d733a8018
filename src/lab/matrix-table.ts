/** A matrix as text. Pure. */
import type { LabMatrix } from './matrix.ts';

/** Columns that fit into 80 characters: 9 for `0.21/0.24` and two between. */
const COLUMNS_PER_BLOCK = 6;

const GAP = '  ';

/**
 * Round trips in ms, a row per sender and a column per receiver, IPv4 before the slash and IPv6 behind it. `lost` is no
 * answer, a lone `-` the pod itself. What does not fit into 80 characters goes on in a block below.
 */
export function formatMatrix(matrix: LabMatrix): string {
  const blocks: string[] = [];
  for (let at = 0; at < matrix.pods.length; at += COLUMNS_PER_BLOCK) {
    blocks.push(formatBlock(matrix, matrix.pods.slice(at, at + COLUMNS_PER_BLOCK)));
  }
  const answered = matrix.cells.length - matrix.lost;
  const down = matrix.down.map((node) => `${node} is down: weft lab start --name ${matrix.name} ${node}\n`);
  return `${blocks.join('\n')}${answered} of ${matrix.cells.length} answered; round trips in ms, IPv4/IPv6\n${down.join('')}`;
}

function formatBlock(matrix: LabMatrix, columns: readonly string[]): string {
  const head = ['from \\ to', ...columns];
  const rows = [head, ...matrix.pods.map((from) => [from, ...columns.map((to) => formatCell(matrix, from, to))])];
  const widths = head.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows
    .map(
      (row) =>
        `${row
          .map((text, column) => text.padEnd(widths[column]!))
          .join(GAP)
          .trimEnd()}\n`,
    )
    .join('');
}

function formatCell(matrix: LabMatrix, from: string, to: string): string {
  const cells = matrix.cells.filter((cell) => cell.from === from && cell.to === to);
  if (cells.length === 0) return '-';
  return [4, 6]
    .map((family) => cells.find((cell) => cell.family === family))
    .map((cell) => (cell === undefined ? '-' : formatRoundTrip(cell.rttMs)))
    .join('/');
}

/** Four characters at most, whatever the round trip. */
function formatRoundTrip(rttMs: number | null): string {
  if (rttMs === null) return 'lost';
  if (rttMs < 9.995) return rttMs.toFixed(2);
  return rttMs < 99.95 ? rttMs.toFixed(1) : rttMs.toFixed(0);
}
