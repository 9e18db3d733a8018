/** From whom and for whom a datagram is in the end. */
import { ENCAPSULATION_LENGTH } from '../dataplane/encapsulation.ts';
import { InnerFault, InnerPacket } from '../dataplane/inner-packet.ts';
import type { IpAddress } from '../wire/address.ts';

/** Source of the IP packet in a VXLAN datagram; `undefined` if there is none that can be read. */
export function innerSource(datagram: Uint8Array): IpAddress | undefined {
  return innerAddress(datagram, ({ sourceAt }) => sourceAt);
}

/** Its destination, likewise. */
export function innerDestination(datagram: Uint8Array): IpAddress | undefined {
  return innerAddress(datagram, ({ destinationAt }) => destinationAt);
}

function innerAddress(datagram: Uint8Array, at: (packet: InnerPacket) => number): IpAddress | undefined {
  const packet = new InnerPacket();
  const lengthBytes = datagram.length - ENCAPSULATION_LENGTH;
  if (packet.parse(datagram, ENCAPSULATION_LENGTH, lengthBytes) !== InnerFault.none) return undefined;
  const { family } = packet;
  return { family, bytes: datagram.slice(at(packet), at(packet) + (family === 4 ? 4 : 16)) };
}
