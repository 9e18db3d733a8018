/** A digest as text: the same on all nodes that agree, so that `diff` finds who does not. Pure. */
import type { Digest } from '../api/control-api.ts';
import { formatTable } from '../terminal/table.ts';
import { bold, type Terminal } from '../terminal/terminal.ts';

const LABEL_COLUMNS = 9;

const columns = [
  { title: 'NODE', wraps: true },
  { title: 'STATE' },
  { title: 'VERSION', align: 'right' },
  { title: 'ROUTES', align: 'right' },
  { title: 'DIGEST' },
] as const;

/** The digests of all routes and all members, then a row for each node. */
export function formatDigest({ routes, members, nodes }: Digest, terminal: Terminal): string {
  const total = (label: string, { digest, count }: { digest: string; count: number }): string =>
    `${bold(label.padEnd(LABEL_COLUMNS), terminal)}${digest}  ${count}\n`;
  const rows = nodes.map(({ name, state, version, routes: count, digest }) => [name, state, version, count, digest]);
  return `${total('routes', routes)}${total('members', members)}\n${formatTable(columns, rows, terminal)}`;
}
