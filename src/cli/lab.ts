/** `weft lab …`: networks of nodes and pods on one machine, in network namespaces. */
import type { Command } from 'commander';
import { changeAddress, NO_ADDRESS } from '../lab/address.ts';
import { cutLink, healLink } from '../lab/cut.ts';
import { takeDown } from '../lab/down.ts';
import type { DownReport } from '../lab/down.ts';
import { formatMatrix } from '../lab/matrix-table.ts';
import { measureMatrix } from '../lab/matrix.ts';
import { killNode, startNode, stopNode } from '../lab/node-power.ts';
import { formatLabStatus } from '../lab/status-table.ts';
import { labStatus } from '../lab/status.ts';
import { type LabOptions, verb } from './lab-options.ts';
import { registerNode } from './lab-node.ts';
import { registerPlaces } from './lab-places.ts';
import { registerUp } from './lab-up.ts';
import { print } from './output.ts';
import { withProgress } from './progress.ts';

/** Adds `lab` with all its verbs. Errors are thrown to the caller of `parseAsync`. */
export function registerLab(program: Command): void {
  const lab = program.command('lab').description('networks of nodes and pods on this machine, to try things in');
  registerUp(lab);
  verb(lab, 'down', 'remove a lab, also what is left of one after a crash').action(async (options: LabOptions) => {
    const report = await withProgress('taking the lab down', takeDown(options.name));
    print(options, report, () => formatDown(report));
  });
  verb(lab, 'status', 'show nodes and pods').action(async (options: LabOptions) => {
    const status = await labStatus(options.name);
    print(options, status, () => formatLabStatus(status));
  });
  verb(lab, 'matrix', 'ping every pod from every other; fails if an answer is missing').action(
    async (options: LabOptions) => {
      let asked = '';
      const matrix = await withProgress(
        () => `pinging${asked}`,
        measureMatrix(options.name, (done, total) => (asked = `: ${done} of ${total} asked`)),
      );
      print(options, matrix, () => formatMatrix(matrix));
      if (matrix.lost > 0) process.exitCode = 1;
    },
  );
  registerPlaces(lab);
  registerLinks(lab);
  registerAddress(lab);
  registerNodePower(lab);
  registerNode(lab);
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
    .option('--force', 'also one that is in use: to see what becomes of a conflict')
    .action(async (node: string, address: string, options: LabOptions & { readonly force?: true }) => {
      await changeAddress(options.name, node, address, { force: options.force ?? false });
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
        const wasRunning = await withProgress(`ending the daemon of ${node}`, end(options.name, node));
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
      await withProgress(`starting the daemon of ${node}`, startNode(options.name, node));
      print(options, { name: options.name, node }, () => `${node} is up\n`);
    });
}

function formatDown(report: DownReport): string {
  if (report.namespaces === 0 && report.processes === 0 && !report.files) {
    return `there was no lab ${report.name}\n`;
  }
  return `lab ${report.name} is gone: ${report.namespaces} namespaces, ${report.processes} processes\n`;
}
