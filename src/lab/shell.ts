/** `weft lab shell`: a shell in a node or pod, whose prompt says where one is. */
import { existsSync, writeFileSync } from 'node:fs';
import { runAt } from './exec.ts';
import { shellProfile } from './lab-directory.ts';
import { findPlace } from './places.ts';

const BASH = '/bin/bash';

/** Read by the shell at its start. */
const PROFILE = `[ -f ~/.bashrc ] && . ~/.bashrc
PS1='[lab '"$WEFT_LAB $WEFT_PLACE"'] \\w \\$ '
`;

/** Prompt of a shell that reads no profile of ours. */
const PLAIN_PROMPT = '[lab $WEFT_LAB $WEFT_PLACE] $ ';

/**
 * Runs an interactive shell at `target`: bash where there is one, else sh.
 *
 * @returns its exit code.
 * @throws NotFoundError `lab-target-not-found`, naming those there are.
 */
export async function shellIn(labName: string, target: string): Promise<number> {
  const place = await findPlace(labName, target);
  if (!existsSync(BASH)) return await runAt(labName, place, ['env', `PS1=${PLAIN_PROMPT}`, 'sh', '-i']);
  const profile = shellProfile(labName);
  writeFileSync(profile, PROFILE);
  return await runAt(labName, place, [BASH, '--rcfile', profile, '-i']);
}
