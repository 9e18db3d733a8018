/** An image for containers, made from Debian's static busybox: no registry is asked. */
import { join } from 'node:path';
import { writeImageArchive } from './image-archive.ts';

/** Its name. */
export const BUSYBOX_IMAGE = 'localhost/weft-test:1';

/** Programs of busybox that tests call. */
const APPLETS = ['sh', 'cat', 'httpd', 'ip', 'nc', 'nslookup', 'ping', 'ping6', 'sleep', 'timeout', 'wget'];

/**
 * Writes the image as an archive, as `docker save` would. What it runs by itself is `sleep`, so that it can be the container that holds
 * the namespaces of a pod, too.
 *
 * @returns its path.
 */
export async function writeBusyboxImage(directory: string): Promise<string> {
  const file = join(directory, 'busybox.tar');
  await writeImageArchive(file, {
    name: BUSYBOX_IMAGE,
    files: { '/bin/busybox': '/bin/busybox' },
    links: Object.fromEntries(APPLETS.map((applet) => [`/bin/${applet}`, 'busybox'])),
    texts: { '/etc/passwd': 'root:x:0:0:root:/:/bin/sh\n' },
    directories: ['proc', 'sys', 'dev', 'tmp', 'www'],
    command: ['/bin/sleep', '3600'],
  });
  return file;
}
