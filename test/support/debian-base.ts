/** Debians for images, from Debian's packages: no registry is asked. */
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { runProgram } from './program.ts';

/** Where archives are kept: they are the same for all checkouts. */
const DIRECTORY = '/var/cache/weft';

/** Debian with what the Dockerfile would install, and curl to ask pods with. Made once on a machine: that takes half a minute. */
export async function debianBase(): Promise<string> {
  return await debianArchive('test-base-bookworm-2', ['iproute2', 'nftables', 'conntrack', 'curl']);
}

/**
 * Path of an archive of a whole Debian with these packages, which is made unless it is there.
 *
 * @param title of the archive. Another one whenever the packages are others.
 */
export async function debianArchive(title: string, packages: readonly string[]): Promise<string> {
  const file = join(DIRECTORY, `${title}.tar`);
  if (existsSync(file)) return file;
  mkdirSync(DIRECTORY, { recursive: true, mode: 0o700 });
  const draft = `${file}.${process.pid}.tar`;
  const without = ['doc', 'man', 'locale'].map((name) => `--dpkgopt=path-exclude=/usr/share/${name}/*`);
  const slim = '--customize-hook=rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/*';
  try {
    const options = ['--quiet', '--variant=minbase', `--include=${packages.join(',')}`, ...without, slim];
    (await runProgram(['mmdebstrap', ...options, 'bookworm', draft])).succeeded();
    renameSync(draft, file);
  } finally {
    rmSync(draft, { force: true });
  }
  return file;
}
