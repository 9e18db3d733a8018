/** `weft lab …`: networks of nodes and pods on one machine, in network namespaces. */
import { InvalidArgumentError } from 'commander';
import type { Command } from 'commander';
import { changeAddress, NO_ADDRESS } from '../lab/address.ts';
import { cutLink, healLink } from '../lab/cut.ts';
import { takeDown } from '../lab/down.ts';
import type { DownReport } from '../lab/down.ts';
import { execIn } from '../lab/exec.ts';
import { formatMatrix } from '../lab/matrix-table.ts';
import { measureMatrix } from '../lab/matrix.ts';
import { killNode, startNode, stopNode } from '../lab/node-power.ts';
import { formatLabStatus } from '../lab/status-table.ts';
import { labStatus } from '../lab/status.ts';
import { bringUp } from '../lab/up.ts';
import { print } from './output.ts';
import type { OutputOptions } from './output.ts';

interface LabOptions extends OutputOptions {
  readonly name: string;
}

interface UpOptions extends LabOptions {
  readonly nodes: number;
  readonly pods: number;
  readonly underlayMtu: number;
  readonly ipv6Underlay?: true;
  readonly plainUnderlay?: true;
}

/** Exit codes of a shell for a command that a signal ended. */
const SIGNAL_EXIT_CODES = { SIGINT: 130, SIGTERM: 143 } as const;

/** Adds `lab` with all its verbs. Errors are thrown to the caller of `parseAsync`. */
export function registerLab(program: Command): void {
  const lab = program.command('lab').description('networks of nodes and pods on this machine, to try things in');
  registerUp(lab);
  verb(lab, 'down', 'remove a lab, also what is left of one after a crash').action(async (options: LabOptions) => {
    const report = await takeDown(options.name);
    print(options, report, () => formatDown(report));
  });
  verb(lab, 'status', 'show nodes and pods').action(async (options: LabOptions) => {
    const status = await labStatus(options.name);
    print(options, status, () => formatLabStatus(status));
  });
  verb(lab, 'matrix', 'ping every pod from every other; fails if an answer is missing').action(
    async (options: LabOptions) => {
      const matrix = await measureMatrix(options.name);
      print(options, matrix, () => formatMatrix(matrix));
      if (matrix.lost > 0) process.exitCode = 1;
    },
  );
  registerExec(lab);
  registerLinks(lab);
  registerAddress(lab);
  registerNodePower(lab);
}

function registerUp(lab: Command): void {
  verb(lab, 'up', 'make a lab and wait until its nodes have found each other')
    .option('--nodes <count>', 'number of nodes', wholeNumber, 3)
    .option('--pods <count>', 'pods on each node', wholeNumber, 2)
    .option('--underlay-mtu <bytes>', 'MTU of the links between the nodes', wholeNumber, 1500)
    .option('--ipv6-underlay', 'no IPv4 between the nodes')
    .option('--plain-underlay', 'no offloads between the nodes: a capture shows single, complete packets')
    .action(async (options: UpOptions) => {
      const spec = {
        name: options.name,
        nodes: options.nodes,
        podsPerNode: options.pods,
        underlayMtuBytes: options.underlayMtu,
        ipv6Underlay: options.ipv6Underlay ?? false,
        plainUnderlay: options.plainUnderlay ?? false,
      };
      const report = (step: string): boolean => process.stderr.write(`lab ${options.name}: ${step}\n`);
      const status = await interruptible((signal) => bringUp(spec, report, signal));
      if (status === undefined) return;
      print(options, status, () => formatLabStatus(status));
    });
}

function registerExec(lab: Command): void {
  lab
    .command('exec')
    .description('run a command in a node (n1), a pod (n1-p1), the world or the switch')
    .usage('[options] <target> -- <command...>')
    .option('--name <name>', 'name of the lab', 'lab')
    .argument('<target>', 'n1, n1-p1, world or switch')
    .argument('<command...>')
    .action(async (target: string, command: string[], { name }: LabOptions) => {
      process.exitCode = await execIn(name, target, command);
    });
}

function registerLinks(lab: Command): void {
  const verbs = [
    ['cut', 'let the link between two nodes go silent; "world" is the gateway', cutLink],
    ['heal', 'undo a cut', healLink],
  ] as const;
  for (const [word, description, change] of verbs) {
    verb(lab, word, description)
      .argument('<a>')
      .argument('<b>')
      .action(async (a: string, b: string, options: LabOptions) => {
        await change(options.name, a, b);
        print(
          options,
          { name: options.name, link: [a, b], cut: word === 'cut' },
          () => `${a} and ${b} ${word === 'cut' ? 'are cut' : 'are healed'}\n`,
        );
      });
  }
}

function registerAddress(lab: Command): void {
  verb(lab, 'address', `give a node another underlay address, or "${NO_ADDRESS}", while its daemon runs`)
    .argument('<node>')
    .argument('<address>')
    .action(async (node: string, address: string, options: LabOptions) => {
      await changeAddress(options.name, node, address);
      const text = address === NO_ADDRESS ? 'no address' : `the address ${address}`;
      print(options, { name: options.name, node, address }, () => `${node} has ${text} now\n`);
    });
}

function registerNodePower(lab: Command): void {
  const verbs = [
    ['kill', 'end the daemon of a node by kill -9', killNode],
    ['stop', 'end the daemon of a node in order', stopNode],
  ] as const;
  for (const [word, description, end] of verbs) {
    verb(lab, word, description)
      .argument('<node>')
      .action(async (node: string, options: LabOptions) => {
        const wasRunning = await end(options.name, node);
        print(
          options,
          { name: options.name, node, wasRunning },
          () => `${node} ${wasRunning ? 'is down' : 'was down already'}\n`,
        );
      });
  }
  verb(lab, 'start', 'start the daemon of a node again')
    .argument('<node>')
    .action(async (node: string, options: LabOptions) => {
      await startNode(options.name, node);
      print(options, { name: options.name, node }, () => `${node} is up\n`);
    });
}

function verb(lab: Command, word: string, description: string): Command {
  return lab
    .command(word)
    .description(description)
    .option('--name <name>', 'name of the lab', 'lab')
    .option('--json', 'print JSON');
}

/**
 * Calls `attempt` with a signal that Ctrl-C or SIGTERM aborts. What it throws then is no failure to report, only the exit code
 * of a shell for a command that a signal ended.
 */
async function interruptible<Result>(attempt: (signal: AbortSignal) => Promise<Result>): Promise<Result | undefined> {
  const interruption = new AbortController();
  const onSignal = (signal: NodeJS.Signals): void => {
    process.exitCode = signal === 'SIGINT' ? SIGNAL_EXIT_CODES.SIGINT : SIGNAL_EXIT_CODES.SIGTERM;
    interruption.abort();
  };
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
  try {
    return await attempt(interruption.signal);
  } catch (error) {
    if (!interruption.signal.aborted) throw error;
    process.stderr.write('weft: interrupted; nothing of the lab is left\n');
    return undefined;
  } finally {
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
  }
}

function wholeNumber(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError('It is not a whole number.');
  return Number(text);
}

function formatDown(report: DownReport): string {
  if (report.namespaces === 0 && report.processes === 0 && !report.files) {
    return `there was no lab ${report.name}\n`;
  }
  return `lab ${report.name} is gone: ${report.namespaces} namespaces, ${report.processes} processes\n`;
}
