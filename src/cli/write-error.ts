/** Errors by which a file system takes nothing more, in words that help. They are nobody's mistake, and no bug. Pure. */
import { WeftError } from '../errors.ts';

/** What is the matter, and what to do. */
const explanations: Readonly<Record<string, readonly [what: string, remedy: string]>> = {
  ENOSPC: ['its file system is full', 'make room there; df -h and df -i say where'],
  EDQUOT: ['the quota is used up', 'remove files, or have the quota raised'],
  EROFS: ['its file system is read-only', 'mount it for writing, or choose another place'],
};

/** The same error with what to do; `undefined`: it is another one. Not every call of Node's names the file. */
export function explainWriteError(error: unknown): WeftError | undefined {
  if (!(error instanceof Error)) return undefined;
  const { code = '', path, syscall } = error as NodeJS.ErrnoException;
  const [what, remedy] = explanations[code] ?? [];
  if (what === undefined || syscall === undefined) return undefined;
  const file = path === undefined ? 'a file' : path;
  return new WeftError(
    'write-failed',
    `cannot write ${file}: ${what} (${code}): ${remedy}`,
    { path, errno: code },
    error,
  );
}
