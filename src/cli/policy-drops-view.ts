/** What network policies denied at all nodes, as text. Pure. */
import type { PolicyDenialsReport } from '../api/policy-api.ts';
import { printable } from '../terminal/printable.ts';
import { type Cell, formatTable, wrap } from '../terminal/table.ts';
import { paint, type Terminal } from '../terminal/terminal.ts';
import { formatRemarks, MAX_NAMED } from './policy-list-view.ts';

const columns = [
  { title: 'POLICY', wraps: true },
  { title: 'DIRECTION' },
  { title: 'NODE' },
  { title: 'PACKETS', align: 'right' },
] as const;

/** A row for each rule and node, the most frequent first. */
export function formatPolicyDrops({ nodes, missing }: PolicyDenialsReport, terminal: Terminal): string {
  const denials = nodes.flatMap(({ node, policies }) => policies.map((one) => ({ node, ...one })));
  const rows = denials
    .toSorted((a, b) => b.packets - a.packets)
    .map(({ node, rule, direction, packets }): readonly Cell[] => [printable(rule), direction, node, packets]);
  const named = nodes
    .slice(0, MAX_NAMED)
    .map((one) => `${one.node} ${one.since.slice(0, 'YYYY-MM-DDThh:mm:ss'.length)}`)
    .join(', ');
  const since = nodes.length > MAX_NAMED ? `${named} and ${nodes.length - MAX_NAMED} more: --json` : named;
  const where = missing.length === 0 ? '' : ' at the nodes that answered';
  const table =
    rows.length === 0 ? `network policies denied nothing${where}\n` : `${formatTable(columns, rows, terminal)}\n`;
  const footer =
    nodes.length === 0 ? [] : wrap(`since the daemons started (UTC): ${since}`, terminal.widthColumns ?? Infinity);
  return [
    table,
    ...footer.map((line) => `${paint(line, 'faint', terminal)}\n`),
    formatRemarks({ notices: [], missing }, terminal),
  ].join('');
}
