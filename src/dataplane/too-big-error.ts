/**
 * What a router says when a packet does not fit: ICMP "fragmentation needed" (RFC 792; RFC 1191, section 4; RFC 1812, section
 * 4.3), and ICMPv6 "packet too big" (RFC 4443, section 3.2).
 */
import { IcmpType, IcmpUnreachableCode } from '../wire/icmp.ts';
import { Icmpv6Type } from '../wire/icmpv6.ts';
import { encodeIcmpError } from './icmp-error.ts';
import type { InnerPacket } from './inner-packet.ts';

/**
 * Writes the error at `at`; see {@link encodeIcmpError}.
 *
 * @param mtuBytes that would do; of IPv6 never below 1280, which has to be the caller's care.
 */
export function encodeTooBigError(
  bytes: Uint8Array,
  packet: InnerPacket,
  lengthBytes: number,
  mtuBytes: number,
  source: Uint8Array,
  at: number,
): number {
  const [type, code] =
    packet.family === 4
      ? [IcmpType.destinationUnreachable, IcmpUnreachableCode.fragmentationNeeded]
      : [Icmpv6Type.packetTooBig, 0];
  return encodeIcmpError(bytes, packet, lengthBytes, type, code, mtuBytes, source, at);
}
