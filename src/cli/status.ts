/** `weft status`. */
import type { Command } from 'commander';
import { WATCH_HELP, type WatchOptions } from './watch.ts';

/** Adds the command. */
export function registerStatus(program: Command): void {
  program
    .command('status')
    .description('show what the daemon does, its packet accounts, and what needs attention')
    .option('--watch', WATCH_HELP)
    .option('--json', 'print JSON')
    .action(async (options: WatchOptions, command: Command) => {
      const [{ readingClient }, { printOrWatch }, { formatStatus }] = await Promise.all([
        import('./daemon-socket.ts'),
        import('./watch.ts'),
        import('./status-view.ts'),
      ]);
      const client = readingClient(command);
      await printOrWatch(
        options,
        async () => await client.status(),
        (status, terminal) => formatStatus(status, Date.now(), terminal),
      );
    });
}
