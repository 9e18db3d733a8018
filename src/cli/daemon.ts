/** `weft daemon`. */
import type { Command } from 'commander';

/** Adds the command. Its options come later, see `config-options.ts`. */
export function registerDaemon(program: Command): void {
  program
    .command('daemon')
    .description('run the daemon of this node until SIGTERM')
    .action(async (_options: unknown, command: Command) => {
      const [{ configChoice }, { runDaemon }] = await Promise.all([
        import('./config-options.ts'),
        import('../daemon/lifecycle.ts'),
      ]);
      await runDaemon(configChoice(command));
    });
}
