/** `weft pod list`. */
import type { Command } from 'commander';
import type { Pod } from '../daemon/api.ts';
import type { OutputOptions } from './output.ts';
import { formatTable, wrap } from './table.ts';
import type { Terminal } from './terminal.ts';

const columns = [
  { title: 'NAME', wraps: true },
  { title: 'STATE' },
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
    .option('--json', 'print JSON')
    .action(async (options: OutputOptions, command: Command) => {
      const [{ readingClient }, { print }, { standardOutput }] = await Promise.all([
        import('./daemon-socket.ts'),
        import('./output.ts'),
        import('./terminal.ts'),
      ]);
      const pods = await readingClient(command).pods();
      print(options, pods, () => formatPods(pods, standardOutput()));
    });
}

/** A row for each pod, and below them their notices. */
export function formatPods(pods: readonly Pod[], terminal: Terminal): string {
  if (pods.length === 0) return 'no pods\n';
  const rows = pods.map(({ name, state, addresses, hostDevice, netns }) => [name, state, addresses, hostDevice, netns]);
  const notices = pods.flatMap(({ name, notices }) => notices.map(({ message }) => `${name}: ${message}`));
  const lines = notices.flatMap((text) => wrap(`notice ${text}`, terminal.widthColumns ?? Infinity));
  return formatTable(columns, rows, terminal) + lines.map((line) => `${line}\n`).join('');
}
