/** `weft policy check`. Asks no daemon. */
import type { Command } from 'commander';
import { WeftError } from '../errors.ts';
import { ExitCode } from '../terminal/exit-code.ts';
import type { OutputOptions } from './output.ts';
import { withFiles } from './policy-option.ts';
import type { PolicyFilesOptions } from './policy-question.ts';

const HELP = `
With --pods also what is suspicious: policies that select no pod, rules that
never match, ports that no pod has, DNS that is denied. Fails if something
cannot be read; a warning alone is no failure.`;

/** Adds `check` to `policy`. */
export function addPolicyCheck(policy: Command): void {
  withFiles(policy.command('check'))
    .description('say what is wrong with policies, and where, in the words of the API; asks no daemon')
    .option('--json', 'print JSON')
    .addHelpText('after', HELP)
    .action(async ({ files, pods, ...options }: PolicyFilesOptions & OutputOptions) => {
      if (files === undefined)
        throw new WeftError(
          'usage',
          'policies of a running cluster cannot be asked yet, but by weft explain: give --files',
        );
      const [{ readPolicyFiles }, { print }, { standardOutput }, { checkPolicies }, { formatPolicyCheck }] =
        await Promise.all([
          import('./policy-files.ts'),
          import('./output.ts'),
          import('../terminal/terminal.ts'),
          import('./policy-remarks.ts'),
          import('./policy-check-view.ts'),
        ]);
      const check = checkPolicies(readPolicyFiles(files), pods);
      print(options, check, () => formatPolicyCheck(check, standardOutput()));
      if (check.remarks.some(({ severity }) => severity === 'error')) process.exitCode = ExitCode.failure;
    });
}
