/** `weft policy matrix`. */
import type { Command } from 'commander';
import type { OutputOptions } from './output.ts';
import { askPolicies, withFiles, withTraffic } from './policy-option.ts';
import type { AskedTraffic, PolicyFilesOptions } from './policy-question.ts';

interface MatrixOptions extends OutputOptions, PolicyFilesOptions {
  readonly proto?: Exclude<AskedTraffic['protocol'], undefined>;
  readonly dport?: Exclude<AskedTraffic['port'], undefined>;
  readonly namespace?: readonly string[];
}

/** Adds `matrix` to `policy`. */
export function addPolicyMatrix(policy: Command): void {
  withTraffic(withFiles(policy.command('matrix')))
    .description('show which pods may begin to talk to which, and on which ports')
    .option('--namespace <name...>', 'only pods of these namespaces')
    .option('--json', 'print JSON')
    .action(async ({ proto, dport, namespace, ...options }: MatrixOptions, command: Command) => {
      const [{ readCluster }, { policyMatrix }, { chooseMatrixPods }, { tellWarnings }, { print }, terminal, view] =
        await Promise.all([
          import('./policy-question.ts'),
          import('./policy-answer.ts'),
          import('./policy-matrix-pods.ts'),
          import('./policy-remarks.ts'),
          import('./output.ts'),
          import('../terminal/terminal.ts'),
          import('./policy-matrix-view.ts'),
        ]);
      const cluster = await readCluster(options, async () => askPolicies(command));
      tellWarnings(cluster);
      const output = terminal.standardOutput();
      const most = options.json === true ? undefined : view.mostColumns(output);
      const { pods, notes } = chooseMatrixPods(cluster.pods, namespace, most);
      const asked = { ...(proto !== undefined && { protocol: proto }), ...(dport !== undefined && { port: dport }) };
      const matrix = policyMatrix(pods, asked, cluster, notes);
      print(options, matrix, () => view.formatPolicyMatrix(matrix, output));
    });
}
