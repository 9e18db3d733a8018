/** `weft ipam status`. */
import type { Command } from 'commander';
import type { IpamStatus, PoolCounts } from '../api/ipam-api.ts';
import { formatTable, wrap } from '../terminal/table.ts';
import { warning, type Terminal } from '../terminal/terminal.ts';
import { WATCH_HELP, type WatchOptions } from './watch.ts';

const columns = [
  { title: 'POOL', wraps: true },
  { title: 'USED' },
  { title: 'GONE' },
  { title: 'COOLING' },
  { title: 'FREE' },
  { title: 'SIZE' },
] as const;

/** Adds the command. */
export function registerIpamStatus(ipam: Command): void {
  ipam
    .command('status')
    .description('show how many addresses are used, free, and cooling, which is for a minute after they were freed')
    .option('--watch', WATCH_HELP)
    .option('--json', 'print JSON')
    .action(async (options: WatchOptions, command: Command) => {
      const [{ readingClient }, { printOrWatch }] = await Promise.all([
        import('./daemon-socket.ts'),
        import('./watch.ts'),
      ]);
      const client = readingClient(command);
      await printOrWatch(options, async () => await client.ipamStatus(), formatIpamStatus);
    });
}

/** A row for each pool, and for each family that has several; below them what a person should know. */
export function formatIpamStatus(status: IpamStatus, terminal: Terminal): string {
  const { pools, families, outside, gone, journal } = status;
  const rows = families.flatMap((sum) => {
    const of = pools.filter(({ family }) => family === sum.family);
    return [
      ...of.map((pool) => [pool.prefix, ...countsOf(pool)]),
      ...(of.length > 1 ? [[`IPv${sum.family}`, ...countsOf(sum)]] : []),
    ];
  });
  const lines = [
    ...(gone.length === 0 ? [] : [`pods that are gone and have addresses: ${gone.join(', ')}`]),
    ...(outside.length === 0 ? [] : [`leased outside of the node's prefixes: ${outside.join(', ')}`]),
    ...(journal.behind === null ? [] : [`not everything is stored: ${journal.behind}`]),
  ].flatMap((text) => wrap(text, terminal.widthColumns ?? Infinity));
  return formatTable(columns, rows, terminal) + lines.map((line) => `${warning(line, terminal)}\n`).join('');
}

function countsOf({ used, gone, cooling, free, size }: PoolCounts): string[] {
  return [used, gone, cooling, free, size].map(String);
}
