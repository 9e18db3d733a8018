#!/usr/bin/env -S node --max-semi-space-size=2
/** `weft`: the command line. Errors become exit codes here and nowhere else. */
import { CommanderError } from 'commander';
import { WeftError } from '../errors.ts';
import { ExitCode } from '../terminal/exit-code.ts';
import { whyNodeIsTooOld } from './node-version.ts';
import { buildProgram } from './program.ts';

/** Codes of errors that are the asker's: a usage error, like a flag that does not exist. */
const usageCodes: readonly string[] = ['config-invalid', 'usage'];

/** Also for whoever made a lab, and asks outside of it. */
const NO_DAEMON_HINT = 'weft doctor says what to do about it; in a lab: weft lab exec n1 -- weft ...';

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // `weft routes | head`: the reader has enough.
  if (error.code === 'EPIPE') process.exit(ExitCode.ok);
  throw error;
});

const tooOld = whyNodeIsTooOld(process.versions.node);
if (tooOld !== undefined) {
  process.stderr.write(`weft: ${tooOld}\n`);
  process.exit(ExitCode.failure);
}

try {
  const argv = process.argv.slice(2);
  const program = await buildProgram(argv);
  await program.parseAsync(argv, { from: 'user' });
} catch (error) {
  process.exitCode = report(await explained(error));
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
