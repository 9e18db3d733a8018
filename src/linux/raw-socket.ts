/** A raw socket, raw(7), through which whole IP packets are sent. It receives nothing. */
import { lastErrnoName } from './errno.ts';
import { libc } from './ffi.ts';
import { Abi } from './kernel-abi.ts';
import { SystemCallError } from '../errors.ts';

/**
 * Opens one for packets of `family`; -1 where this process lacks the right (NET_RAW). Whoever opened it closes it.
 *
 * @throws SystemCallError
 */
export function openRawSocket(family: 4 | 6): number {
  const type = Abi.SOCK_RAW | Abi.SOCK_NONBLOCK | Abi.SOCK_CLOEXEC;
  const fd = libc.socket(family === 4 ? Abi.AF_INET : Abi.AF_INET6, type, Abi.IPPROTO_RAW);
  if (fd === -1) {
    const name = lastErrnoName();
    if (name === 'EPERM' || name === 'EACCES') return -1;
    throw new SystemCallError('socket', name, 'open a raw socket');
  }
  if (family === 4) {
    // Where connections are tracked, fragments would be put together again on their way out, for nothing.
    const on = new Uint8Array(Int32Array.of(1).buffer);
    libc.setsockopt(fd, Abi.IPPROTO_IP, Abi.IP_NODEFRAG, on, on.length);
  }
  return fd;
}
