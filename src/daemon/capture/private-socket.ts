/**
 * A Unix socket for root alone, made by a thread: there, the file mask that keeps others out between bind and chmod cannot be
 * set. So it is made in a directory that nobody else can enter, and moved to where it belongs.
 */
import { chmodSync, mkdirSync, mkdtempSync, renameSync, rmdirSync, rmSync } from 'node:fs';
import type { Server } from 'node:net';
import { dirname, join } from 'node:path';
import { refuseIfTaken } from '../control/control-socket.ts';

/**
 * Makes `server` listen at `path`, mode 0600, in place of the socket of a dead daemon if there is one. The file stays when
 * the server is closed: whoever closes it removes it.
 *
 * @throws WeftError `socket-in-use`
 */
export async function listenPrivately(server: Server, path: string): Promise<void> {
  const directory = dirname(path);
  mkdirSync(directory, { recursive: true, mode: 0o755 });
  await refuseIfTaken(path);
  const hidden = mkdtempSync(join(directory, '.c'));
  const first = join(hidden, 's');
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(first, () => {
        server.off('error', reject);
        resolve();
      });
    });
    chmodSync(first, 0o600);
    renameSync(first, path);
  } finally {
    rmSync(first, { force: true });
    rmdirSync(hidden);
  }
}
