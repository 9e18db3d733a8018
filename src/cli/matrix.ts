/** `weft matrix`. */
import type { Command } from 'commander';
import { ExitCode } from '../terminal/exit-code.ts';
import { wholeFrom } from './number-option.ts';
import type { OutputOptions } from './output.ts';

interface MatrixOptions extends OutputOptions {
  readonly count?: number;
}

/** Adds the command. */
export function registerMatrix(program: Command): void {
  program
    .command('matrix')
    .description('have every node probe every other node and all pods: loss and latency; fails if anything was lost')
    .option('-c, --count <number>', 'probes to each, 1 to 20 (default: 3)', wholeFrom(1, 20))
    .option('--json', 'print JSON')
    .action(async ({ count, ...options }: MatrixOptions, command: Command) => {
      const [{ controlClient }, { print }, { standardOutput }, { formatMatrix, isWhole }] = await Promise.all([
        import('./daemon-socket.ts'),
        import('./output.ts'),
        import('../terminal/terminal.ts'),
        import('./matrix-view.ts'),
      ]);
      const matrix = await controlClient(command).matrix(count === undefined ? {} : { count });
      print(options, matrix, () => formatMatrix(matrix, standardOutput()));
      if (!isWhole(matrix)) process.exitCode = ExitCode.failure;
    });
}
