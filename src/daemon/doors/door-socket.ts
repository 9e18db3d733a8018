/** A Unix socket in the file system: made with the right mode, taken over only from the dead. */
import { chmodSync, chownSync, lstatSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { connect, type Server } from 'node:net';
import { dirname } from 'node:path';
import { ConfigError, WeftError } from '../../errors.ts';
import { describeListener, findListener } from '../../linux/socket-listener.ts';
import type { Notice } from '../../api/control-api.ts';

/** Group that may read. */
const READER_GROUP = 'weft';

const ATTEMPTS = 2;

/** A socket, and the key of the configuration to change if it cannot be had. */
export interface SocketPlace {
  readonly path: string;
  readonly key: 'control.socket' | 'control.readOnlySocket';
}

/**
 * Makes `server` listen on a Unix socket; its directory is made (0755) if missing.
 *
 * `readOnly` chooses the mode: 0660 with group `weft` where that exists, or 0600.
 *
 * @returns what a person should know: the group could not be given.
 * @throws WeftError `socket-in-use` if somebody listens there, or the path is something else than a socket; ConfigError if
 *   there can be no socket at this path.
 */
export async function listenOnSocket(server: Server, place: SocketPlace, readOnly: boolean): Promise<Notice[]> {
  const { path, key } = place;
  try {
    await listenAt(server, place);
  } catch (error) {
    if (error instanceof WeftError) throw error;
    throw new ConfigError(key, `there can be no socket ${path}: ${(error as Error).message}`);
  }
  if (!readOnly) return [];
  const notices = giveToReaders(path);
  chmodSync(path, 0o660);
  return notices;
}

async function listenAt(server: Server, place: SocketPlace): Promise<void> {
  const { path } = place;
  mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
  for (let attempt = 1; ; attempt++) {
    try {
      await listen(server, path);
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE' || attempt === ATTEMPTS) throw error;
      await removeStale(place);
    }
  }
}

async function listen(server: Server, path: string): Promise<void> {
  // Whoever connects between bind and chmod would be let in; the mask closes that gap. Binding happens inside listen().
  const mask = process.umask(0o177);
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(path, () => {
        server.off('error', reject);
        resolve();
      });
      process.umask(mask);
    });
  } finally {
    process.umask(mask);
  }
}

async function removeStale(place: SocketPlace): Promise<void> {
  await refuseIfTaken(place);
  rmSync(place.path, { force: true });
}

/**
 * Makes sure that a path can be had. To be asked before anything of the machine is touched: two daemons of one
 * configuration would take devices, routes and pods out of each other's hands.
 *
 * @throws WeftError `socket-in-use`
 */
export async function refuseIfTaken({ path, key }: SocketPlace): Promise<void> {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return;
  if (!stats.isSocket()) {
    const message = `${path} is there and is not a socket: remove it, or set ${key} to another path`;
    throw new WeftError('socket-in-use', message, { path, key });
  }
  if (await somebodyListens(path)) {
    const listener = await findListener(path);
    const who = listener === undefined ? '' : ` (${describeListener(listener)})`;
    const message = `another daemon listens on ${path}${who}: stop it, or set ${key} to another path`;
    throw new WeftError('socket-in-use', message, { path, key, pid: listener?.pid ?? null });
  }
}

/** Whether a connection to the socket is accepted. Anything but a plain refusal counts as yes. */
async function somebodyListens(path: string): Promise<boolean> {
  return await new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', ({ code }: NodeJS.ErrnoException) => resolve(code !== 'ECONNREFUSED' && code !== 'ENOENT'));
  });
}

function giveToReaders(path: string): Notice[] {
  const group = groupId(READER_GROUP);
  if (group === undefined) return [];
  try {
    chownSync(path, process.getuid!(), group);
    return [];
  } catch (error) {
    // Without CAP_CHOWN, root may only give to groups that it is in.
    const { code } = error as NodeJS.ErrnoException;
    return [{ code: 'socket-group', message: `${path} could not be given to group ${READER_GROUP} (${code})` }];
  }
}

function groupId(name: string): number | undefined {
  let groups: string;
  try {
    groups = readFileSync('/etc/group', 'utf8');
  } catch {
    return undefined;
  }
  const line = groups.split('\n').find((entry) => entry.startsWith(`${name}:`));
  return line === undefined ? undefined : Number(line.split(':')[2]);
}
