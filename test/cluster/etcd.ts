/** The program etcd, in which the API server keeps everything. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { GO_PROGRAMS } from '../support/go-programs.ts';
import { runProgram } from '../support/program.ts';

/**
 * Path of etcd: the one that is installed, or Debian's, which is unpacked beside the other programs. It is not installed, since Debian
 * starts it then, on the ports of whoever else wants to.
 *
 * @throws Error if there is none, and it cannot be had.
 */
export async function etcdProgram(): Promise<string> {
  const installed = (process.env['PATH'] ?? '').split(':').map((directory) => join(directory, 'etcd'));
  const file = join(GO_PROGRAMS, 'etcd-server', 'usr/bin/etcd');
  const found = [...installed, file].find((path) => existsSync(path));
  if (found !== undefined) return found;
  mkdirSync(GO_PROGRAMS, { recursive: true });
  const directory = mkdtempSync(join(GO_PROGRAMS, 'etcd-'));
  try {
    const result = await runProgram(['env', '-C', directory, 'apt-get', 'download', 'etcd-server']);
    const [archive] = readdirSync(directory).filter((name) => name.endsWith('.deb'));
    if (archive === undefined) {
      throw new Error(`etcd is missing, and apt-get could not download Debian's etcd-server: ${result.stderr}`);
    }
    (await runProgram(['dpkg-deb', '-x', join(directory, archive), join(directory, 'root')])).succeeded();
    try {
      renameSync(join(directory, 'root'), join(GO_PROGRAMS, 'etcd-server'));
    } catch (error) {
      // Somebody else was first.
      if (!existsSync(file)) throw error;
    }
  } finally {
    rmSync(directory, { recursive: true });
  }
  return file;
}
