/** Whom a datagram is for in the end. */
import { ENCAPSULATION_LENGTH } from '../dataplane/encapsulation.ts';
import { InnerFault, InnerPacket } from '../dataplane/inner-packet.ts';
import type { IpAddress } from '../wire/address.ts';

/** Destination of the IP packet in a VXLAN datagram; `undefined` if there is none that can be read. */
export function innerDestination(datagram: Uint8Array): IpAddress | undefined {
  const packet = new InnerPacket();
  const lengthBytes = datagram.length - ENCAPSULATION_LENGTH;
  if (packet.parse(datagram, ENCAPSULATION_LENGTH, lengthBytes) !== InnerFault.none) return undefined;
  const { family, destinationAt } = packet;
  return { family, bytes: datagram.slice(destinationAt, destinationAt + (family === 4 ? 4 : 16)) };
}
