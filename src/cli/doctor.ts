/** `weft doctor`. */
import { hostname } from 'node:os';
import type { Command } from 'commander';
import type { DoctorReport } from '../doctor/finding.ts';
import type { ControlClient } from './control-client.ts';
import { ExitCode } from './exit-code.ts';
import type { OutputOptions } from './output.ts';

interface DoctorOptions extends OutputOptions {
  readonly all?: true;
  readonly fix?: true;
}

/** Adds the command. */
export function registerDoctor(program: Command): void {
  program
    .command('doctor')
    .description(
      'look for what is wrong with this node or cluster, and what to do about it; fails if there is anything',
    )
    .option('--all', 'have every node look at itself')
    .option('--fix', "put right what is weft's own on this node; the rest is only said")
    .option('--json', 'print JSON')
    .action(async ({ all, fix, ...options }: DoctorOptions, command: Command) => {
      const [{ controlClient, readingClient }, { print }, { standardOutput }, { formatDoctorReport }, { WeftError }] =
        await Promise.all([
          import('./daemon-socket.ts'),
          import('./output.ts'),
          import('./terminal.ts'),
          import('./doctor-view.ts'),
          import('../errors.ts'),
        ]);
      if (all === true && fix === true)
        throw new WeftError('usage', '--fix is for one node at a time: leave out --all');
      const report =
        fix === true ? await treat(controlClient(command)) : await look(readingClient(command), all === true);
      print(options, report, () => formatDoctorReport(report, standardOutput()));
      if (!report.healthy) process.exitCode = ExitCode.failure;
    });
}

/** Looks at this node, or at all; at this machine alone where no daemon answers. */
export async function look(client: ControlClient, isForAll: boolean): Promise<DoctorReport> {
  return await withoutDaemonToo(async () => client.doctor(isForAll));
}

async function treat(client: ControlClient): Promise<DoctorReport> {
  return await withoutDaemonToo(async () => client.treat());
}

/** What can be seen of the machine alone, where no daemon answers. */
async function withoutDaemonToo(ask: () => Promise<DoctorReport>): Promise<DoctorReport> {
  const { WeftError } = await import('../errors.ts');
  try {
    return await ask();
  } catch (error) {
    const isAlone = error instanceof WeftError && ['daemon-not-running', 'daemon-timeout'].includes(error.code);
    if (!isAlone) throw error;
    const [{ defaultPlumbing, lookAtHost }, { examine, reportOf }] = await Promise.all([
      import('../daemon/doctor/doctor-host.ts'),
      import('../doctor/examination.ts'),
    ]);
    const host = await lookAtHost(defaultPlumbing);
    const facts = { node: hostname(), host, daemon: { absence: error.message } };
    return reportOf([examine(facts, new Date().toISOString())], []);
  }
}
