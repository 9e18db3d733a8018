/** `weft daemon`. */
import type { Command } from 'commander';
import { WeftError } from '../errors.ts';
import { parseInterface } from './cni.ts';

interface DaemonCommandOptions {
  readonly cniConfDir?: string;
  readonly cniBinDir: string;
  readonly cniAlongside?: string;
}

/** Adds the command. The options of the configuration come later, see `config-options.ts`. */
export function registerDaemon(program: Command): void {
  program
    .command('daemon')
    .description('run the daemon of this node until SIGTERM')
    .option(
      '--cni-conf-dir <directory>',
      'where to put the network of the CNI plugin when the first container could be attached; it stays there',
    )
    .option('--cni-bin-dir <directory>', 'where the plugins of that network are', '/opt/cni/bin')
    .option('--cni-alongside <interface>', 'as weft cni install --alongside has it', parseInterface)
    .action(async ({ cniConfDir, cniBinDir, cniAlongside }: DaemonCommandOptions, command: Command) => {
      const [{ configChoice }, { runDaemon }] = await Promise.all([
        import('./config-options.ts'),
        import('../daemon/lifecycle.ts'),
      ]);
      if (cniConfDir === undefined && cniAlongside !== undefined)
        throw new WeftError(
          'usage',
          '--cni-alongside is about the network that --cni-conf-dir puts in place: give both',
        );
      if (cniConfDir === undefined) return await runDaemon(configChoice(command));
      // Loaded now: when this daemon serves, others wait for it.
      const { appearingNetwork } = await import('./appearing-network.ts');
      const where = { confDirectory: cniConfDir, binDirectory: cniBinDir };
      await runDaemon(configChoice(command), appearingNetwork(where, cniAlongside));
    });
}
