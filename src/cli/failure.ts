/** What a person is told of an error that ended a program, and its exit code. For the `main` files alone. */
import { CommanderError } from 'commander';
import { WeftError } from '../errors.ts';
import { ExitCode } from '../terminal/exit-code.ts';

/** Codes of errors that are the asker's: a usage error, like a flag that does not exist. */
const usageCodes: readonly string[] = ['config-invalid', 'usage'];

/** Also for whoever made a lab, and asks outside of it. */
const NO_DAEMON_HINT = 'weft doctor says what to do about it; in a lab: weft lab exec n1 -- weft ...';

/** Tells the person, and gives the exit code. */
export async function reportFailure(error: unknown): Promise<number> {
  return report(await explained(error));
}

/** What this very process had none left of is no bug, nor is a file system that is full. What it takes to tell is loaded only now: `weft version` starts fast. */
async function explained(error: unknown): Promise<unknown> {
  if (error instanceof CommanderError || error instanceof WeftError) return error;
  const { explainShortage } = await import('../linux/shortage.ts');
  const { explainWriteError } = await import('./write-error.ts');
  return explainShortage(error, 'do it') ?? explainWriteError(error) ?? error;
}

/** Tells the person, and gives the exit code. */
function report(error: unknown): number {
  // The parser has told already.
  if (error instanceof CommanderError) return error.exitCode === 0 ? ExitCode.ok : ExitCode.usage;
  if (!(error instanceof WeftError)) {
    process.stderr.write(`weft: a bug in weft: ${error instanceof Error ? error.stack : String(error)}\n`);
    return ExitCode.failure;
  }
  process.stderr.write(
    error.message
      .split('\n')
      .map((line) => `weft: ${line}\n`)
      .join(''),
  );
  if (error.code === 'daemon-not-running') process.stderr.write(`(${NO_DAEMON_HINT})\n`);
  return usageCodes.includes(error.code) ? ExitCode.usage : ExitCode.failure;
}
