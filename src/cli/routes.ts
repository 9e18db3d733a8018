/** `weft routes`. */
import type { Command } from 'commander';
import type { Route } from '../api/control-api.ts';
import { formatSince } from './duration.ts';
import { WATCH_HELP, type WatchOptions } from './watch.ts';
import { formatTable, toned } from '../terminal/table.ts';
import type { Terminal } from '../terminal/terminal.ts';

interface RoutesOptions extends WatchOptions {
  readonly digest?: true;
}

const columns = [
  { title: 'PREFIX', wraps: true },
  { title: 'NODE', wraps: true },
  { title: 'KIND' },
  { title: 'WAY' },
  { title: 'VIA', wraps: true },
  { title: 'NETWORK' },
  { title: 'SINCE' },
] as const;

/** Adds the command. */
export function registerRoutes(program: Command): void {
  program
    .command('routes')
    .description('show which prefix lies at which node')
    .option('--digest', 'show what is equal on all nodes that agree: digests of routes and members')
    .option('--watch', WATCH_HELP)
    .option('--json', 'print JSON')
    .action(async (options: RoutesOptions, command: Command) => {
      const [{ readingClient }, { printOrWatch }] = await Promise.all([
        import('./daemon-socket.ts'),
        import('./watch.ts'),
      ]);
      const client = readingClient(command);
      if (options.digest === true) {
        const { formatDigest } = await import('./digest-view.ts');
        await printOrWatch(options, async () => await client.digest(), formatDigest);
        return;
      }
      await printOrWatch(
        options,
        async () => await client.routes(),
        (routes, terminal) => formatRoutes(routes, Date.now(), terminal),
      );
    });
}

/** A row for each route, in the daemon's order. */
export function formatRoutes(routes: readonly Route[], nowMs: number, terminal: Terminal): string {
  if (routes.length === 0) return 'no routes\n';
  const rows = routes.map(({ prefix, node, kind, way, relay, via, network, since }) => [
    prefix,
    node,
    kind,
    toned(way, way === 'relayed' ? 'warning' : undefined),
    [relay, via],
    network,
    formatSince(since, nowMs),
  ]);
  return formatTable(columns, rows, terminal);
}
