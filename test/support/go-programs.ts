/** Programs of others that are built from their Go modules: no package of Debian has them, or not in the version that is wanted. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { basename, join } from 'node:path';
import { runProgram } from './program.ts';

/** Where they are kept: outside of the repository, since they are the same for all checkouts. */
export const GO_PROGRAMS = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'weft-go');

/** Whether they can be built here. */
export function hasGo(): boolean {
  return spawnSync('go', ['version']).status === 0;
}

/**
 * Builds a program, unless it is there.
 *
 * @param source package and version: `example.org/tools/cmd/tool@v1.2.3`.
 * @returns its path.
 * @throws Error if Go is missing, or the module cannot be had or built.
 */
export async function goProgram(source: string): Promise<string> {
  const [path = '', version = ''] = source.split('@');
  const file = join(GO_PROGRAMS, version, basename(path));
  if (existsSync(file)) return file;
  mkdirSync(join(GO_PROGRAMS, version), { recursive: true });
  // Renamed when it is whole: somebody else may be building it, too.
  const directory = mkdtempSync(join(GO_PROGRAMS, 'build-'));
  try {
    const result = await runProgram(['env', `GOBIN=${directory}`, 'CGO_ENABLED=0', 'go', 'install', source]);
    if (result.exitCode !== 0) throw new Error(`${source} was not built, for which Go is needed: ${result.stderr}`);
    renameSync(join(directory, basename(path)), file);
  } finally {
    rmSync(directory, { recursive: true });
  }
  return file;
}
