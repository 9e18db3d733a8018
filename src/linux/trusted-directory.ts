/** Directories for files that root starts, or believes: nobody but root and this user can change what is in them, or the way to them. */
import { chmodSync, lstatSync, mkdirSync, readlinkSync, type Stats } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { WeftError } from '../errors.ts';

/** Symbolic links on the way to a directory: as many as the kernel follows. */
const MAX_LINKS = 40;

const GROUP_MAY_WRITE = 0o020;
const OTHERS_MAY_WRITE = 0o002;

/** In such a directory, only the owner of an entry can rename or remove it. */
const STICKY = 0o1000;

/**
 * Looks at each directory from the root down to this one. A symbolic link on the way is followed if root or this user made it: some
 * systems have `/opt` elsewhere.
 *
 * @param makes whether to make what is missing, for everybody to read.
 * @returns its path without symbolic links; `undefined` if it is not there.
 * @throws WeftError `directory-unsafe` naming the first that others may write, `write-failed`
 */
export function trustedDirectory(path: string, makes: boolean): string | undefined {
  const steps = stepsOf(resolve(path));
  let at = '/';
  let links = 0;
  while (steps.length > 0) {
    const step = steps.shift()!;
    if (step === '..') {
      at = dirname(at);
      continue;
    }
    const next = join(at, step);
    const stat = lstatSync(next, { throwIfNoEntry: false });
    if (stat === undefined) {
      if (!makes) return undefined;
      makeDirectory(next);
      at = next;
      continue;
    }
    refuseOwner(next, stat);
    if (stat.isSymbolicLink()) {
      if (++links > MAX_LINKS) throw unsafe(path, 'its symbolic links lead in a circle');
      const target = readlinkSync(next);
      if (target.startsWith('/')) at = '/';
      steps.unshift(...stepsOf(target));
      continue;
    }
    if (!stat.isDirectory()) throw unsafe(next, 'it is no directory');
    refuseWriters(next, stat, steps.length === 0);
    at = next;
  }
  return at;
}

function stepsOf(path: string): string[] {
  return path.split('/').filter((step) => step !== '' && step !== '.');
}

function refuseOwner(path: string, { uid }: Stats): void {
  if (uid === 0 || uid === process.geteuid!()) return;
  throw unsafe(path, `user ${uid} owns it, and could put something else in its place: chown root ${path}`);
}

/** Group 0 is root's. In a directory like /tmp others cannot exchange what is root's, but they can plant files of their own. */
function refuseWriters(path: string, { mode, gid }: Stats, isLast: boolean): void {
  if ((mode & STICKY) !== 0 && !isLast) return;
  const group = (mode & GROUP_MAY_WRITE) !== 0 && gid !== 0 ? `group ${gid}` : undefined;
  const writers = (mode & OTHERS_MAY_WRITE) === 0 ? group : 'everybody';
  if (writers !== undefined) throw unsafe(path, `${writers} may write it: chmod go-w ${path}`);
}

function makeDirectory(path: string): void {
  try {
    mkdirSync(path);
    // Whatever the umask says: runtimes of other users look here, too.
    chmodSync(path, 0o755);
  } catch (error) {
    throw new WeftError('write-failed', `cannot make ${path}: ${(error as Error).message}`, { path }, error);
  }
}

function unsafe(path: string, problem: string): WeftError {
  return new WeftError('directory-unsafe', `${path} is no place for files that root starts: ${problem}`, { path });
}
