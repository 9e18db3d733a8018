/** The image of weft that the manifests name, made from this checkout without an engine. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { debianBase } from '../support/debian-base.ts';
import { writeImageArchive } from '../support/image-archive.ts';
import { runProgram } from '../support/program.ts';

const imageTree = fileURLToPath(new URL('../../scripts/image-tree', import.meta.url));

/** As `deploy/kubernetes/overlays/lab` has it. */
export const WEFT_IMAGE = 'localhost/weft:lab';

const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** Writes the image as an archive into `directory`. @returns its path. @throws Error with what the build said. */
export async function writeWeftImage(directory: string, name = WEFT_IMAGE): Promise<string> {
  const [tree, file] = [join(directory, 'weft-tree'), join(directory, 'weft.tar')];
  try {
    (await runProgram([imageTree, tree])).succeeded();
    await writeImageArchive(file, {
      name,
      layers: [await debianBase()],
      trees: [tree],
      entrypoint: ['weft'],
      command: ['daemon'],
      path: PATH,
    });
  } finally {
    rmSync(tree, { recursive: true, force: true });
  }
  return file;
}
