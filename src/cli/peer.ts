/** `weft peer`: its verbs. */
import type { Command } from 'commander';
import type { OutputOptions } from './output.ts';

/** Adds `peer` with all its verbs. */
export function registerPeer(program: Command): void {
  const peer = program.command('peer').description('orders about another node');
  peer
    .command('forget')
    .description('have all nodes forget one that is dead; without this it is looked for for ever')
    .argument('<node>', 'name or identity, see weft peers')
    .option('--json', 'print JSON')
    .action(async (node: string, options: OutputOptions, command: Command) => {
      const [{ controlClient }, { print }] = await Promise.all([import('./daemon-socket.ts'), import('./output.ts')]);
      const forgotten = await controlClient(command).forgetPeer(node);
      const lines = forgotten.map(({ name, identity }) => `${name} (${identity}) is forgotten; it may come back\n`);
      print(options, forgotten, () => lines.join(''));
    });
}
