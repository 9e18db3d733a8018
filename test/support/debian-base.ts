/** A Debian for images, from Debian's packages: no registry is asked. */
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { runProgram } from './program.ts';

/** Debian with what the Dockerfile would install, and curl to ask pods with. Made once on a machine: that takes half a minute. */
const FILE = '/var/cache/weft/test-base-bookworm-2.tar';
const PACKAGES = 'iproute2,nftables,conntrack,curl';

/** Path of an archive of the whole of it, which is made unless it is there. */
export async function debianBase(): Promise<string> {
  if (existsSync(FILE)) return FILE;
  mkdirSync('/var/cache/weft', { recursive: true, mode: 0o700 });
  const draft = `${FILE}.${process.pid}.tar`;
  const without = ['doc', 'man', 'locale'].map((name) => `--dpkgopt=path-exclude=/usr/share/${name}/*`);
  const slim = '--customize-hook=rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/*';
  try {
    const options = ['--quiet', '--variant=minbase', `--include=${PACKAGES}`, ...without, slim];
    (await runProgram(['mmdebstrap', ...options, 'bookworm', draft])).succeeded();
    renameSync(draft, FILE);
  } finally {
    rmSync(draft, { force: true });
  }
  return FILE;
}
