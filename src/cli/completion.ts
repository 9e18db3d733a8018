/** `weft completion SHELL`: what a shell needs to complete commands, options and the words that they take. */
import { Argument, type Command } from 'commander';

/** Shells that can be taught. */
const SHELLS = ['bash', 'zsh', 'fish'] as const;

const NOTES = `
  bash  weft completion bash > /etc/bash_completion.d/weft
  zsh   weft completion zsh > /usr/local/share/zsh/site-functions/_weft
  fish  weft completion fish > /etc/fish/completions/weft.fish

Or for one shell: source <(weft completion bash)`;

/** Adds the command. @param build makes a program with all its commands, for arguments that ask for them. */
export function registerCompletion(program: Command, build: (argv: readonly string[]) => Promise<Command>): void {
  program
    .command('completion')
    .description('print a script that teaches a shell to complete weft')
    .addArgument(new Argument('<shell>').choices(SHELLS))
    .addHelpText('after', NOTES)
    .action(async (shell: (typeof SHELLS)[number]) => {
      const { ARGUMENTS_FOR_ALL, completionScript } = await import('./completion-script.ts');
      process.stdout.write(completionScript(shell, await build(ARGUMENTS_FOR_ALL)));
    });
}
