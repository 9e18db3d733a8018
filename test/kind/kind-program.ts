/** The program kind: the one that is installed, or one that is built from its module. */
import { spawnSync } from 'node:child_process';
import { goProgram } from '../support/go-programs.ts';

/** Of what is built here, and of the files that nodes are made with. */
export const KIND_MODULE = 'sigs.k8s.io/kind@v0.30.0';

/** Its path. @throws Error if there is none, and it cannot be built. */
export async function kindProgram(): Promise<string> {
  const installed = spawnSync('sh', ['-c', 'command -v kind'], { encoding: 'utf8' }).stdout.trim();
  return installed === '' ? await goProgram(KIND_MODULE) : installed;
}
