/** What the doors of clusters, `scripts/kubernetes` and `scripts/kind`, do with what was typed, and with a terminal. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { ConfigError, WeftError } from '../../src/errors.ts';
import { ExitCode } from '../../src/terminal/exit-code.ts';

/**
 * Parts what was typed into what is for us, up to and with the first of `commands`, and what follows it, which is for somebody else to read.
 * The name of a cluster is no command, whatever it is.
 */
export function partArguments(argv: readonly string[], commands: readonly string[]): [own: string[], rest: string[]] {
  const at = argv.findIndex((word, index) => commands.includes(word) && argv[index - 1] !== '--name');
  return at === -1 ? [[...argv], []] : [argv.slice(0, at + 1), argv.slice(at + 1)];
}

/** Which of Kubernetes' own tests are wanted. @throws ConfigError if it is more than one word */
export function testsWanted(words: readonly string[], usual: string): string {
  const [word = usual, ...more] = words;
  if (more.length > 0 || word.startsWith('--'))
    throw new ConfigError('', 'e2e takes one expression, in quotes, and no options: --name stands before it');
  return word;
}

/** Runs a command with this terminal. @returns its exit code */
export async function runHere(argv: readonly string[]): Promise<number> {
  const [program = '', ...args] = argv;
  process.on('SIGINT', () => {});
  const child = spawn(program, args, { stdio: 'inherit' });
  const [code] = (await once(child, 'exit')) as [number | null];
  return code ?? ExitCode.failure;
}

/** Prints. @returns the exit code of success */
export function say(text: string): number {
  process.stdout.write(text);
  return ExitCode.ok;
}

/** Runs `main` with what was typed, and makes its number, or what it threw, the exit code of the process. */
export async function runMain(main: (argv: readonly string[]) => Promise<number>): Promise<void> {
  try {
    process.exitCode = await main(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`weft: ${error instanceof Error ? error.message : String(error)}\n`);
    const isUsage = error instanceof WeftError && error.code === 'config-invalid';
    process.exitCode = isUsage ? ExitCode.usage : ExitCode.failure;
  }
}
