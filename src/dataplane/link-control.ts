/**
 * What a kernel says to a link by itself, on each device that is up: multicast listener reports (RFC 2710, RFC 3810), IGMP
 * (RFC 3376), router and neighbour discovery (RFC 4861). Only the node itself can say it to the TUN device: none of it is
 * ever forwarded.
 */
import { Icmpv6Type, readIcmpv6Type } from '../wire/icmpv6.ts';
import { IpProtocol } from '../wire/ip.ts';
import type { InnerPacket } from './inner-packet.ts';

/** Of 16 bytes, and of 4. */
const MULTICAST6_FIRST_BYTE = 0xff;
const MULTICAST4_FIRST_BITS = 0xe0;

/** Whether `packet`, parsed of `bytes`, is such a message to a multicast group. */
export function isLinkControl(bytes: Uint8Array, packet: InnerPacket): boolean {
  const first = bytes[packet.destinationAt]!;
  if (packet.family === 4) return (first & 0xf0) === MULTICAST4_FIRST_BITS && packet.protocol === IpProtocol.igmp;
  if (first !== MULTICAST6_FIRST_BYTE || packet.protocol !== IpProtocol.icmpv6) return false;
  if (packet.isFragment || packet.transportLengthBytes === 0) return false;
  const type = readIcmpv6Type(bytes, packet.transportAt);
  return (
    (type >= Icmpv6Type.multicastListenerQuery && type <= Icmpv6Type.redirect) ||
    type === Icmpv6Type.multicastListenerReportV2
  );
}
