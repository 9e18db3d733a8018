/** `weft matrix`. */
import type { Command } from 'commander';
import { ExitCode } from '../terminal/exit-code.ts';
import { wholeFrom } from './number-option.ts';
import type { OutputOptions } from './output.ts';

interface MatrixOptions extends OutputOptions {
  readonly count?: number;
  readonly pod?: string;
}

/** Adds the command. */
export function registerMatrix(program: Command): void {
  program
    .command('matrix')
    .description('have every node probe every other node and all pods: loss and latency; fails if anything was lost')
    .option('-c, --count <number>', 'probes to each, 1 to 20 (default: 3)', wholeFrom(1, 20))
    .option('--pod <name>', 'only this pod, and no data ports: web, shop/web, or deploy/web, the first pod of it')
    .option('--json', 'print JSON')
    .action(async ({ count, pod, ...options }: MatrixOptions, command: Command) => {
      const [{ controlClient }, { placeOfPod }, { print }, { standardOutput }, view] = await Promise.all([
        import('./daemon-socket.ts'),
        import('./pod-option.ts'),
        import('./output.ts'),
        import('../terminal/terminal.ts'),
        import('./matrix-view.ts'),
      ]);
      const client = controlClient(command);
      const matrix = await client.matrix({
        ...(count !== undefined && { count }),
        ...(pod !== undefined && { addresses: (await placeOfPod(client, pod)).addresses }),
      });
      print(options, matrix, () => view.formatMatrix(matrix, standardOutput()));
      if (!view.isWhole(matrix)) process.exitCode = ExitCode.failure;
    });
}
