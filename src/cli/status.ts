/** `weft status`. */
import type { Command } from 'commander';
import type { OutputOptions } from './output.ts';

/** Adds the command. */
export function registerStatus(program: Command): void {
  program
    .command('status')
    .description('show what the daemon does, its packet accounts, and what needs attention')
    .option('--json', 'print JSON')
    .action(async (options: OutputOptions, command: Command) => {
      const [{ readingClient }, { print }, { formatStatus }, { standardOutput }] = await Promise.all([
        import('./daemon-socket.ts'),
        import('./output.ts'),
        import('./status-view.ts'),
        import('./terminal.ts'),
      ]);
      const status = await readingClient(command).status();
      print(options, status, () => formatStatus(status, Date.now(), standardOutput()));
    });
}
