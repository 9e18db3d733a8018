/** `weft doctor`. */
import { hostname } from 'node:os';
import { type Command, Option } from 'commander';
import type { DoctorReport } from '../doctor/finding.ts';
import type { ControlClient, TextQuery } from '../client/control-client.ts';
import { ExitCode } from '../terminal/exit-code.ts';
import { MAX_PORT, wholeFrom } from './number-option.ts';
import type { OutputOptions } from './output.ts';

interface DoctorOptions extends OutputOptions {
  readonly all?: true;
  readonly fix?: true;
  readonly pod?: string;
  readonly dport?: number;
  readonly proto?: 'tcp' | 'udp';
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
    .option('--pod <name>', 'a pod of this node, to look for what listens on a port of it')
    .option('--dport <port>', 'that port', wholeFrom(1, MAX_PORT))
    .addOption(new Option('--proto <protocol>', 'of the port (default: tcp)').choices(['tcp', 'udp']))
    .option('--json', 'print JSON')
    .action(async ({ all, fix, pod, dport, proto, ...options }: DoctorOptions, command: Command) => {
      const [{ controlClient, readingClient }, { print }, { standardOutput }, { formatDoctorReport }, { WeftError }] =
        await Promise.all([
          import('./daemon-socket.ts'),
          import('./output.ts'),
          import('../terminal/terminal.ts'),
          import('./doctor-view.ts'),
          import('../errors.ts'),
        ]);
      if (all === true && fix === true)
        throw new WeftError('usage', '--fix is for one node at a time: leave out --all');
      if ((pod === undefined) !== (dport === undefined) || (proto !== undefined && dport === undefined))
        throw new WeftError('usage', '--pod and --dport go together, and --proto with them');
      if (pod !== undefined && (all === true || fix === true))
        throw new WeftError('usage', '--pod is of this node, and to look: leave out --all and --fix');
      const query = {
        ...(all === true && { all: 'true' }),
        ...(pod !== undefined && { pod, port: String(dport), protocol: proto ?? 'tcp' }),
      };
      const report = fix === true ? await treat(controlClient(command)) : await look(readingClient(command), query);
      print(options, report, () => formatDoctorReport(report, standardOutput()));
      if (!report.healthy) process.exitCode = ExitCode.failure;
    });
}

/** Looks at this node, or at all; at this machine alone where no daemon answers. */
export async function look(client: ControlClient, query: TextQuery = {}): Promise<DoctorReport> {
  return await withoutDaemonToo(client, async () => client.doctor(query));
}

async function treat(client: ControlClient): Promise<DoctorReport> {
  return await withoutDaemonToo(client, async () => client.treat());
}

const NO_ANSWER = ['daemon-not-running', 'daemon-timeout', 'daemon-stopped'];

/** What can be seen of the machine, and of what the daemon left, where no daemon answers. */
async function withoutDaemonToo(client: ControlClient, ask: () => Promise<DoctorReport>): Promise<DoctorReport> {
  const { WeftError } = await import('../errors.ts');
  try {
    return await ask();
  } catch (error) {
    if (!(error instanceof WeftError && NO_ANSWER.includes(error.code))) throw error;
    const [{ lookAtHost }, { readRemains }, { examine, reportOf }] = await Promise.all([
      import('../daemon/host/host-facts.ts'),
      import('../daemon/doctor/remains.ts'),
      import('../doctor/examination.ts'),
    ]);
    const { plumbing, sentences } = await readRemains(client.socketPath);
    const host = await lookAtHost(plumbing);
    const isSilent = error.code !== 'daemon-not-running';
    const daemon = { absence: error.message, isSilent, remains: sentences };
    return reportOf({ nodes: [examine({ node: hostname(), host, daemon }, new Date().toISOString())] });
  }
}
