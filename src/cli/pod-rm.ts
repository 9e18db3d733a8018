/** `weft pod rm`. */
import type { Command } from 'commander';
import type { OutputOptions } from './output.ts';

/** Adds the command. */
export function registerPodRm(pod: Command): void {
  pod
    .command('rm')
    .description('take a pod out of the overlay; again does no harm')
    .argument('<name>', 'name of the pod')
    .option('--json', 'print JSON')
    .action(async (name: string, options: OutputOptions, command: Command) => {
      const [{ controlClient }, { print }] = await Promise.all([import('./daemon-socket.ts'), import('./output.ts')]);
      const removed = await controlClient(command).removePod(name);
      print(options, { removed }, () => (removed ? `pod ${name} is removed\n` : `there was no pod ${name}\n`));
    });
}
