/**
 * A connection that one thread accepted and another one serves. Node's sockets cannot be posted; the number of a descriptor can.
 *
 *     const fd = releaseSocket(socket);   // here; nothing may have been read of it
 *     const socket = adoptSocket(fd);     // there
 */
import { Socket } from 'node:net';
import { checked } from './errno.ts';
import { libc } from './ffi.ts';
import { Abi } from './kernel-abi.ts';

/**
 * A descriptor of the connection, for {@link adoptSocket}; `socket` itself is closed, and the connection is not. It must come
 * from a server with `pauseOnConnect`.
 *
 * @throws SystemCallError EMFILE; TypeError if it is closed already
 */
export function releaseSocket(socket: Socket): number {
  const fd = descriptorOf(socket);
  const copy = checked(libc.fcntl(fd, Abi.F_DUPFD_CLOEXEC, 0), 'fcntl', 'hand a connection over to another thread');
  socket.destroy();
  return copy;
}

/** The connection, which belongs to the socket from now on. */
export function adoptSocket(fd: number): Socket {
  return new Socket({ fd });
}

/** Node has no other name for it. */
function descriptorOf(socket: Socket): number {
  const { _handle: handle } = socket as unknown as { readonly _handle: { readonly fd: number } | null };
  if (handle === null || handle.fd < 0) throw new TypeError('the connection is closed');
  return handle.fd;
}
