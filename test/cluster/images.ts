/** Images of the cluster's pods, made from what was built or installed. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { writeBusyboxImage } from '../support/busybox-image.ts';
import { writeImageArchive } from '../support/image-archive.ts';
import { COREDNS_IMAGE } from './cluster-dns.ts';
import { PAUSE_IMAGE } from './node-configuration.ts';
import { corednsProgram, pauseProgram, type Progress } from './programs.ts';

/** Archives of the images that every node has. */
export async function writeBaseImages(directory: string, progress: Progress): Promise<string[]> {
  mkdirSync(directory, { recursive: true });
  const pause = join(directory, 'pause.tar');
  const files = { '/pause': await pauseProgram(progress) };
  await writeImageArchive(pause, { name: PAUSE_IMAGE, files, entrypoint: ['/pause'] });
  const coredns = join(directory, 'coredns.tar');
  await writeImageArchive(coredns, {
    name: COREDNS_IMAGE,
    files: { '/coredns': await corednsProgram(progress) },
    entrypoint: ['/coredns'],
  });
  return [pause, coredns, await writeBusyboxImage(directory)];
}
