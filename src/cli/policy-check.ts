/** `weft policy check`. */
import type { Command } from 'commander';
import { WeftError } from '../errors.ts';
import { ExitCode } from '../terminal/exit-code.ts';
import type { OutputOptions } from './output.ts';
import { askPolicies, withFiles } from './policy-option.ts';
import type { PolicyFilesOptions } from './policy-question.ts';

const HELP = `
Without --files, of the running cluster; with --files, no daemon is asked.
With pods, those of the cluster or of --pods, also what is suspicious: policies
that select no pod, rules that never match, ports that no pod has, DNS that is
denied. Fails if something cannot be read; a warning alone is no failure.`;

/** Adds `check` to `policy`. */
export function addPolicyCheck(policy: Command): void {
  withFiles(policy.command('check'))
    .description('say what is wrong with policies, and where, in the words of the API')
    .option('--json', 'print JSON')
    .addHelpText('after', HELP)
    .action(async ({ files, pods, ...options }: PolicyFilesOptions & OutputOptions, command: Command) => {
      if (files === undefined && pods !== undefined)
        throw new WeftError('usage', '--pods: give the policies, too, with --files');
      const [
        { readPolicyFiles },
        { print },
        { standardOutput },
        { checkPolicies, checkRunning },
        { formatPolicyCheck },
      ] = await Promise.all([
        import('./policy-files.ts'),
        import('./output.ts'),
        import('../terminal/terminal.ts'),
        import('./policy-remarks.ts'),
        import('./policy-check-view.ts'),
      ]);
      const check =
        files === undefined ? checkRunning(await askPolicies(command)) : checkPolicies(readPolicyFiles(files), pods);
      print(options, check, () => formatPolicyCheck(check, standardOutput()));
      if (check.remarks.some(({ severity }) => severity === 'error')) process.exitCode = ExitCode.failure;
    });
}
