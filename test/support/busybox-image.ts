/** An image for containers, made from Debian's static busybox: no registry is asked. */
import { createHash } from 'node:crypto';
import { copyFileSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runProgram } from './program.ts';

/** Its name. */
export const BUSYBOX_IMAGE = 'localhost/weft-test:1';

/** Programs of busybox that tests call. */
const APPLETS = ['sh', 'cat', 'httpd', 'ip', 'nc', 'ping', 'ping6', 'sleep', 'timeout', 'wget'];

/**
 * Writes the image as an archive, as `docker save` would. What it runs by itself is `sleep`, so that it can be the container that holds
 * the namespaces of a pod, too.
 *
 * @returns its path.
 */
export async function writeBusyboxImage(directory: string): Promise<string> {
  const [root, archive] = [join(directory, 'rootfs'), join(directory, 'archive')];
  for (const path of ['bin', 'etc', 'proc', 'sys', 'dev', 'tmp', 'www'])
    mkdirSync(join(root, path), { recursive: true });
  mkdirSync(archive);
  copyFileSync('/bin/busybox', join(root, 'bin/busybox'));
  for (const applet of APPLETS) symlinkSync('busybox', join(root, 'bin', applet));
  writeFileSync(join(root, 'etc/passwd'), 'root:x:0:0:root:/:/bin/sh\n');
  await pack(root, join(archive, 'layer.tar'));
  const layer = `sha256:${createHash('sha256')
    .update(readFileSync(join(archive, 'layer.tar')))
    .digest('hex')}`;
  writeFileSync(
    join(archive, 'config.json'),
    JSON.stringify({
      architecture: process.arch === 'x64' ? 'amd64' : process.arch,
      os: 'linux',
      config: { Cmd: ['/bin/sleep', '3600'], Env: ['PATH=/bin'] },
      rootfs: { type: 'layers', diff_ids: [layer] },
    }),
  );
  writeFileSync(
    join(archive, 'manifest.json'),
    JSON.stringify([{ Config: 'config.json', RepoTags: [BUSYBOX_IMAGE], Layers: ['layer.tar'] }]),
  );
  const file = join(directory, 'busybox.tar');
  await pack(archive, file);
  return file;
}

async function pack(directory: string, file: string): Promise<void> {
  (
    await runProgram(['tar', '--owner=0', '--group=0', '--numeric-owner', '-C', directory, '-cf', file, '.'])
  ).succeeded();
}
