/** The directory of plugins that a container runtime is given. */
import { copyFileSync, mkdtempSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { goProgram, hasGo } from './go-programs.ts';
import { runProgram } from './program.ts';

const repository = fileURLToPath(new URL('../..', import.meta.url));

/** Of containernetworking/plugins: 1.9 is the first that maps ports with nftables. */
const PORTMAP = 'github.com/containernetworking/plugins/plugins/meta/portmap@v1.9.1';

/** Plugin that Debian has, and that containerd asks for. */
const LOOPBACK = '/usr/lib/cni/loopback';

/**
 * Makes a directory with weft's plugin as one executable, as hosts without Node get it, and those of others that chains need, as far
 * as they can be had.
 *
 * @returns its path. Whoever called it removes it.
 */
export async function makePluginDirectory(): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), 'weft-plugins-'));
  (await runProgram([join(repository, 'scripts/build-cni'), join(directory, 'weft-cni')])).succeeded();
  if (hasGo()) copyFileSync(await goProgram(PORTMAP), join(directory, 'portmap'));
  symlinkSync(LOOPBACK, join(directory, basename(LOOPBACK)));
  return directory;
}
