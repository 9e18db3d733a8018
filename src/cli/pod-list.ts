/** `weft pod list`. */
import type { Command } from 'commander';
import type { Pod } from '../api/control-api.ts';
import { formatLabels } from '../directory/pod-labels.ts';
import { DEFAULT_NAMESPACE, podTitle } from '../directory/pod-name.ts';
import { WATCH_HELP, type WatchOptions } from './watch.ts';
import { formatTable, toned, wrap } from '../terminal/table.ts';
import type { Terminal } from '../terminal/terminal.ts';

const columns = [
  { title: 'NAME', wraps: true },
  { title: 'STATE', wraps: true },
  { title: 'ADDRESSES', wraps: true },
  { title: 'DEVICE' },
  { title: 'NETNS', wraps: true },
] as const;

/** Adds the command. */
export function registerPodList(pod: Command): void {
  pod
    .command('list')
    .alias('ls')
    .description("show this node's pods")
    .option('--watch', WATCH_HELP)
    .option('--json', 'print JSON')
    .action(async (options: WatchOptions, command: Command) => {
      const [{ readingClient }, { printOrWatch }] = await Promise.all([
        import('./daemon-socket.ts'),
        import('./watch.ts'),
      ]);
      const client = readingClient(command);
      await printOrWatch(options, async () => await client.pods(), formatPods);
    });
}

/** Only where a pod has another than the default one. */
const namespaceColumn = { title: 'NAMESPACE', wraps: true } as const;

/** Only where a pod has any. */
const labelsColumn = { title: 'LABELS', wraps: true } as const;
const sourcesColumn = { title: 'ROUTER OF', wraps: true } as const;

/** A row for each pod, and below them their notices. */
export function formatPods(pods: readonly Pod[], terminal: Terminal): string {
  if (pods.length === 0) return 'no pods\n';
  const hasNamespaces = pods.some(({ namespace }) => namespace !== DEFAULT_NAMESPACE);
  const hasLabels = pods.some(({ labels }) => Object.keys(labels).length > 0);
  const hasRouters = pods.some(({ allowSources }) => allowSources.length > 0);
  const [first, second, third, ...rest] = columns;
  const shown = [
    ...(hasNamespaces ? [namespaceColumn] : []),
    first,
    second,
    third,
    ...(hasLabels ? [labelsColumn] : []),
    ...(hasRouters ? [sourcesColumn] : []),
    ...rest,
  ];
  const rows = pods.map(({ namespace, name, labels, state, faults, addresses, allowSources, hostDevice, netns }) => [
    ...(hasNamespaces ? [namespace] : []),
    name,
    toned(faults.length === 0 ? state : `${state}: ${faults.join(', ')}`, state === 'running' ? 'good' : 'bad'),
    addresses,
    ...(hasLabels ? [formatLabels(labels)] : []),
    ...(hasRouters ? [allowSources] : []),
    hostDevice,
    netns,
  ]);
  const notices = pods.flatMap(({ namespace, name, notices }) =>
    notices.map(({ message }) => `${podTitle(namespace, name)}: ${message}`),
  );
  const lines = notices.flatMap((text) => wrap(`notice ${text}`, terminal.widthColumns ?? Infinity));
  return formatTable(shown, rows, terminal) + lines.map((line) => `${line}\n`).join('');
}
