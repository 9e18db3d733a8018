/** `weft policy apply`. */
import type { Command } from 'commander';
import type { OutputOptions } from './output.ts';

interface ApplyOptions extends OutputOptions {
  readonly filename: readonly string[];
}

const HELP = `
Takes NetworkPolicies, ClusterNetworkPolicies, Namespaces (for their labels) and
Services, as for Kubernetes. Every node enforces policies, and holds the rest. If
one object is wrong, nothing changes. What is in no file stays: see weft policy
delete. With Kubernetes, use kubectl apply.`;

/** Adds `apply` to `policy`. */
export function addPolicyApply(policy: Command): void {
  policy
    .command('apply')
    .description('give policies, services and namespaces to a cluster without Kubernetes')
    .requiredOption(
      '-f, --filename <path...>',
      'manifests (YAML, JSON), directories of them, or - for the standard input',
    )
    .option('--json', 'print JSON')
    .addHelpText('after', HELP)
    .action(async ({ filename, ...options }: ApplyOptions, command: Command) => {
      const [{ controlClient }, { print }, { readGivenFiles }, { formatOutcomes }] = await Promise.all([
        import('./daemon-socket.ts'),
        import('./output.ts'),
        import('./given-files.ts'),
        import('./given-view.ts'),
      ]);
      const objects = readGivenFiles(filename, (line) => process.stderr.write(`${line}\n`));
      const report = await controlClient(command).givePolicies({ apply: objects.map(({ value }) => value) });
      for (const { message } of report.notices) process.stderr.write(`weft: ${message}\n`);
      print(options, report, () => formatOutcomes(report.results));
    });
}
