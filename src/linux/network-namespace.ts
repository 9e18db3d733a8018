/** Network namespaces of the calling thread: setns(2), network_namespaces(7). Other threads stay where they are. */
import { WeftError } from '../errors.ts';
import { checked } from './errno.ts';
import { libc } from './ffi.ts';
import { Abi, Struct } from './kernel-abi.ts';

const STATFS_BYTES = 256;

/** How many namespaces the thread has entered and not left. */
let entered = 0;

/** Whether the calling thread is in another namespace than it began in. */
export function isInOtherNamespace(): boolean {
  return entered > 0;
}

/**
 * Moves the calling thread into the network namespace behind the file at `path`. Call the returned function to go back;
 * it may be called once, and must be called on the same thread.
 *
 * @throws WeftError `not-a-network-namespace` when the file is something else.
 * @throws SystemCallError
 */
export function enterNetworkNamespace(path: string): () => void {
  const purpose = `enter network namespace ${path}`;
  const target = openNetworkNamespace(path);
  // Of the thread: /proc/self is the process, that is its main thread.
  const home = libc.open('/proc/thread-self/ns/net', Abi.O_RDONLY | Abi.O_CLOEXEC, 0);
  try {
    checked(home, 'open', purpose);
    checked(libc.setns(target, Abi.CLONE_NEWNET), 'setns', purpose);
  } catch (error) {
    if (home !== -1) libc.close(home);
    throw error;
  } finally {
    libc.close(target);
  }
  entered++;
  return () => {
    const result = libc.setns(home, Abi.CLONE_NEWNET);
    try {
      checked(result, 'setns', `return from network namespace ${path}`);
      entered--;
    } finally {
      libc.close(home);
    }
  };
}

/** Whether there is a file at `path`, readable for us, that is a network namespace. Opening anything else has no effect. */
export function isNetworkNamespaceFile(path: string): boolean {
  try {
    libc.close(openNetworkNamespace(path));
    return true;
  } catch {
    return false;
  }
}

/**
 * A descriptor of the network namespace behind the file at `path`, which the caller closes.
 *
 * @throws WeftError `not-a-network-namespace` when the file is something else.
 * @throws SystemCallError
 */
export function openNetworkNamespace(path: string): number {
  const purpose = `open network namespace ${path}`;
  // For the kernel it would end there, and be another path than the one that everybody else saw.
  if (path.includes('\0')) throw notANetworkNamespace(path);
  // O_PATH first: opening a device or a pipe for reading can have effects or block, and the path is a stranger's.
  const handle = checked(libc.open(path, Abi.O_PATH | Abi.O_CLOEXEC, 0), 'open', purpose);
  try {
    const statfs = new Uint8Array(STATFS_BYTES);
    checked(libc.fstatfs(handle, statfs), 'fstatfs', purpose);
    const type = new DataView(statfs.buffer).getUint32(Struct.statfs.f_type, true);
    if (type !== Abi.NSFS_MAGIC) throw notANetworkNamespace(path);
    const fd = checked(libc.open(`/proc/thread-self/fd/${handle}`, Abi.O_RDONLY | Abi.O_CLOEXEC, 0), 'open', purpose);
    if (libc.ioctlNumber(fd, Abi.NS_GET_NSTYPE, 0) === Abi.CLONE_NEWNET) return fd;
    libc.close(fd);
    throw notANetworkNamespace(path);
  } finally {
    libc.close(handle);
  }
}

function notANetworkNamespace(path: string): WeftError {
  return new WeftError('not-a-network-namespace', `${path} is not a network namespace`, { path });
}
