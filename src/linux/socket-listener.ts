/** Who listens on a Unix socket, told by the kernel: unix(7), SO_PEERCRED. Nothing is sent, and nobody has to answer. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { Abi } from './kernel-abi.ts';
import { processName, processState, type ProcessState } from './process-state.ts';

/** A process that listens. */
export interface SocketListener {
  readonly pid: number;
  /** Of its program; empty if that cannot be seen from here. */
  readonly name: string;
  readonly state: ProcessState;
}

/** Words for it: `weft, pid 123, stopped`. What is usual is left out. */
export function describeListener({ pid, name, state }: SocketListener): string {
  const unusual = state === 'sleeping' || state === 'running' || state === 'unknown' ? [] : [state];
  return [...(name === '' ? [] : [name]), `pid ${pid}`, ...unusual].join(', ');
}

/**
 * The process that listens on the socket at `path`: the one that began to, if it handed the socket on since.
 *
 * `undefined`: nobody does, it may not be opened, or the process lies outside of what can be seen from here.
 */
export async function findListener(path: string): Promise<SocketListener | undefined> {
  const socket = connect(path);
  let pid: number | undefined;
  try {
    await once(socket, 'connect');
    pid = await peerOf(socket);
  } catch {
    return undefined;
  } finally {
    socket.destroy();
  }
  // 0: of another PID namespace.
  return pid === undefined || pid === 0 ? undefined : { pid, name: processName(pid), state: processState(pid) };
}

/** `struct ucred`: pid, uid, gid. */
const CREDENTIALS_WORDS = 3;

async function peerOf(socket: Socket): Promise<number | undefined> {
  // Node has no public way to the descriptor of a socket.
  const { fd } = Object(Reflect.get(socket, '_handle')) as { readonly fd?: number };
  if (fd === undefined || fd < 0) return undefined;
  // Only here: most commands never ask.
  const { libc } = await import('./ffi.ts');
  const credentials = new Uint32Array(CREDENTIALS_WORDS);
  const length = Uint32Array.of(credentials.byteLength);
  const isTold = libc.getsockopt(fd, Abi.SOL_SOCKET, Abi.SO_PEERCRED, credentials, length) === 0;
  return isTold ? credentials[0] : undefined;
}
