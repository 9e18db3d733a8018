/** The pods of the cluster, for people. */
import type { DirectoryReport } from '../api/directory-api.ts';
import { formatLabels } from '../directory/pod-labels.ts';
import { DEFAULT_NAMESPACE } from '../directory/pod-name.ts';
import { formatTable, toned, wrap } from '../terminal/table.ts';
import type { Terminal } from '../terminal/terminal.ts';

/** A row for each pod, and below them the nodes whose pods are not known. Columns that would be empty are left out. */
export function formatDirectory({ pods, missing }: DirectoryReport, terminal: Terminal): string {
  const hasNamespaces = pods.some(({ namespace }) => namespace !== DEFAULT_NAMESPACE);
  const hasLabels = pods.some(({ labels }) => Object.keys(labels).length > 0);
  const hasStates = pods.some(({ state, superseded }) => superseded || (state !== null && state !== 'running'));
  const columns = [
    ...(hasNamespaces ? [{ title: 'NAMESPACE', wraps: true }] : []),
    { title: 'NAME', wraps: true },
    { title: 'NODE', wraps: true },
    ...(hasStates ? [{ title: 'STATE' }] : []),
    { title: 'ADDRESSES', wraps: true },
    ...(hasLabels ? [{ title: 'LABELS', wraps: true }] : []),
  ];
  const rows = pods.map(({ namespace, name, node, state, superseded, addresses, labels }) => [
    ...(hasNamespaces ? [namespace] : []),
    name,
    node,
    ...(hasStates
      ? [superseded ? 'superseded' : state === null ? '' : toned(state, state === 'running' ? 'good' : 'bad')]
      : []),
    addresses,
    ...(hasLabels ? [formatLabels(labels)] : []),
  ]);
  const notes = missing.map(({ node, sinceSeconds, isEarlier }) =>
    isEarlier
      ? `${node} runs an earlier version of weft, which does not say which pods it has`
      : `the pods of ${node} are not known as they are now, since ${sinceSeconds} s`,
  );
  const lines = notes.flatMap((text) => wrap(`notice ${text}`, terminal.widthColumns ?? Infinity));
  const table = rows.length === 0 ? 'no pods\n' : formatTable(columns, rows, terminal);
  return table + lines.map((line) => `${line}\n`).join('');
}
