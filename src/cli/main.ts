#!/usr/bin/env -S node --max-semi-space-size=2
/** `weft`: the command line. */
import { ExitCode } from '../terminal/exit-code.ts';
import { reportFailure } from './failure.ts';
import { whyNodeIsTooOld } from './node-version.ts';
import { buildProgram } from './program.ts';

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
  process.exitCode = await reportFailure(error);
}
