/** Sends a whole IP packet that somebody made, its header included: by the routes of this node, whatever its source address. */
import { RequirementError, SystemCallError } from '../errors.ts';
import type { IpAddress } from '../wire/address.ts';
import { lastErrnoName } from './errno.ts';
import { libc } from './ffi.ts';
import { openRawSocket } from './raw-socket.ts';
import { socketAddress } from './socket-address.ts';

/** @throws RequirementError `privilege-missing`; SystemCallError, if there is no route or a rule forbids it */
export function sendRawPacket(packet: Uint8Array, destination: IpAddress): void {
  const fd = openRawSocket(destination.family);
  if (fd === -1) {
    const message = 'cannot send a packet of its own: the capability NET_RAW is missing';
    throw new RequirementError('privilege-missing', message, { capability: 'NET_RAW' });
  }
  try {
    const address = socketAddress(destination, 0);
    if (libc.sendto(fd, packet, packet.length, 0, address, address.length) !== -1) return;
    throw new SystemCallError('sendto', lastErrnoName(), 'send the packet');
  } finally {
    libc.close(fd);
  }
}
