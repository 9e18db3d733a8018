/** `weft policy test`. */
import type { Command } from 'commander';
import { ExitCode } from '../terminal/exit-code.ts';
import type { OutputOptions } from './output.ts';
import { askPolicies, withFiles, withTraffic } from './policy-option.ts';
import type { AskedTraffic, PolicyFilesOptions } from './policy-question.ts';

interface TestOptions extends OutputOptions, PolicyFilesOptions {
  readonly proto?: Exclude<AskedTraffic['protocol'], undefined>;
  readonly dport?: Exclude<AskedTraffic['port'], undefined>;
}

const HELP = `
A pod is written shop/web; deploy/web, sts/db, ds/agent and job/load mean the
first pod. An address may be anybody's. The running cluster is asked; with
--files what these policies would do to its pods, and with --pods as well,
nobody is asked. Exit code: 0 allowed, 1 denied, 2 there is no answer, as
something is missing, not known or cannot be read.`;

/** Adds `test` to `policy`. */
export function addPolicyTest(policy: Command): void {
  withTraffic(withFiles(policy.command('test')))
    .description('say whether policies allow something to begin, and by which rule')
    .argument('<source>', 'a pod or an address')
    .argument('<destination>', 'another, behind the translation of service addresses')
    .option('--json', 'print JSON')
    .addHelpText('after', HELP)
    .action(async (from: string, to: string, { proto, dport, ...options }: TestOptions, command: Command) => {
      const [{ endOf, readCluster }, { testPolicies }, { tellWarnings }, { print }, { standardOutput }, view] =
        await Promise.all([
          import('./policy-question.ts'),
          import('./policy-answer.ts'),
          import('./policy-remarks.ts'),
          import('./output.ts'),
          import('../terminal/terminal.ts'),
          import('./policy-test-view.ts'),
        ]);
      const cluster = await readCluster(options, async () => askPolicies(command));
      tellWarnings(cluster);
      const asked = { ...(proto !== undefined && { protocol: proto }), ...(dport !== undefined && { port: dport }) };
      const answer = testPolicies(endOf(from, cluster), endOf(to, cluster), asked, cluster);
      print(options, answer, () => view.formatPolicyTest(answer, standardOutput()));
      if (answer.allowed) return;
      process.exitCode = answer.labelsUnknown.length > 0 ? ExitCode.usage : ExitCode.failure;
    });
}
