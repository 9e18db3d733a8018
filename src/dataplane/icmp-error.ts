/**
 * What a router tells the sender of a packet that goes no further: an ICMP or ICMPv6 error that quotes it (RFC 792; RFC 1812,
 * section 4.3.2; RFC 4443, section 2.4).
 */
import { ICMP_HEADER_LENGTH, encodeIcmp, isIcmpError, readIcmpType, writeIcmpChecksum } from '../wire/icmp.ts';
import {
  ICMPV6_HEADER_LENGTH,
  Icmpv6Type,
  encodeIcmpv6,
  isIcmpv6Error,
  readIcmpv6Type,
  writeIcmpv6Checksum,
} from '../wire/icmpv6.ts';
import { IpProtocol } from '../wire/ip.ts';
import {
  IPV4_MIN_HEADER_LENGTH,
  Ipv4Flag,
  encodeIpv4,
  readIpv4FragmentOffset,
  writeIpv4HeaderChecksum,
  writeIpv4TotalLength,
} from '../wire/ipv4.ts';
import { IPV6_HEADER_LENGTH, IPV6_MIN_MTU, encodeIpv6, writeIpv6PayloadLength } from '../wire/ipv6.ts';
import { readIpv6FragmentOffset } from '../wire/ipv6-extensions.ts';
import { copyOctets } from '../wire/octets.ts';
import { writeUdpLength } from '../wire/udp.ts';
import type { InnerPacket } from './inner-packet.ts';

/** Longest error packet of IPv4, in bytes: what every host can take (RFC 1812, section 4.3.2.3). */
const MAX_ERROR_LENGTH4 = 576;
/** DSCP CS6, precedence "internetwork control" (RFC 1812, section 4.3.2.5). */
const ERROR_TYPE_OF_SERVICE = 0xc0;
const HOP_LIMIT = 64;

/** Longest error packet, in bytes: the least that an IPv6 link carries (RFC 4443, section 2.4 c). */
export const MAX_ICMP_ERROR_LENGTH = IPV6_MIN_MTU;

/**
 * Whether the sender of `packet` may be told: not about an ICMP error, and not about a fragment beyond the first, of which it was
 * told (RFC 1122, section 3.2.2; RFC 4443, section 2.4 e). The caller has checked that its
 * addresses are unicast.
 */
export function mayAnswer(bytes: Uint8Array, packet: InnerPacket): boolean {
  if (packet.isFragment) {
    const offset =
      packet.family === 4
        ? readIpv4FragmentOffset(bytes, packet.at)
        : readIpv6FragmentOffset(bytes, packet.transportAt);
    if (offset > 0) return false;
  }
  const { family, protocol, transportAt } = packet;
  if (protocol === IpProtocol.icmp && family === 4) {
    return packet.transportLengthBytes > 0 && !isIcmpError(readIcmpType(bytes, transportAt));
  }
  if (protocol === IpProtocol.icmpv6 && family === 6) {
    const type = packet.transportLengthBytes > 0 ? readIcmpv6Type(bytes, transportAt) : 0;
    return !isIcmpv6Error(type) && type !== Icmpv6Type.redirect;
  }
  return true;
}

/**
 * Writes the error about `packet` at `at`, the IP header first. Returns its length in bytes, at most
 * {@link MAX_ICMP_ERROR_LENGTH}. Types, codes and the rest of the header are those of the packet's family.
 *
 * @param lengthBytes of the packet; of a super-packet, of one of its segments, which is what is quoted.
 * @param source overlay address of this node, of the packet's family.
 */
export function encodeIcmpError(
  bytes: Uint8Array,
  packet: InnerPacket,
  lengthBytes: number,
  type: number,
  code: number,
  rest: number,
  source: Uint8Array,
  at: number,
): number {
  return packet.family === 4
    ? encodeError4(bytes, packet, lengthBytes, type, code, rest, source, at)
    : encodeError6(bytes, packet, lengthBytes, type, code, rest, source, at);
}

function encodeError4(
  bytes: Uint8Array,
  packet: InnerPacket,
  lengthBytes: number,
  type: number,
  code: number,
  rest: number,
  source: Uint8Array,
  at: number,
): number {
  const icmpAt = at + IPV4_MIN_HEADER_LENGTH;
  const quoteAt = icmpAt + ICMP_HEADER_LENGTH;
  const quoteLength = Math.min(lengthBytes, MAX_ERROR_LENGTH4 - (quoteAt - at));
  const totalLength = quoteAt - at + quoteLength;
  const { icmp } = IpProtocol;
  const { dontFragment } = Ipv4Flag;
  encodeIpv4(
    ERROR_TYPE_OF_SERVICE,
    totalLength,
    0,
    dontFragment,
    HOP_LIMIT,
    icmp,
    source,
    0,
    bytes,
    packet.sourceAt,
    bytes,
    at,
  );
  encodeIcmp(type, code, rest, bytes, icmpAt);
  copyOctets(bytes, packet.at, bytes, quoteAt, quoteLength);
  if (lengthBytes !== packet.lengthBytes) {
    writeIpv4TotalLength(bytes, quoteAt, lengthBytes);
    writeIpv4HeaderChecksum(bytes, quoteAt);
    shortenUdp(bytes, packet, lengthBytes, quoteAt);
  }
  writeIcmpChecksum(bytes, icmpAt, ICMP_HEADER_LENGTH + quoteLength);
  return totalLength;
}

function encodeError6(
  bytes: Uint8Array,
  packet: InnerPacket,
  lengthBytes: number,
  type: number,
  code: number,
  rest: number,
  source: Uint8Array,
  at: number,
): number {
  const icmpAt = at + IPV6_HEADER_LENGTH;
  const quoteAt = icmpAt + ICMPV6_HEADER_LENGTH;
  const quoteLength = Math.min(lengthBytes, MAX_ICMP_ERROR_LENGTH - (quoteAt - at));
  const messageLength = ICMPV6_HEADER_LENGTH + quoteLength;
  encodeIpv6(0, 0, messageLength, IpProtocol.icmpv6, HOP_LIMIT, source, 0, bytes, packet.sourceAt, bytes, at);
  encodeIcmpv6(type, code, rest, bytes, icmpAt);
  copyOctets(bytes, packet.at, bytes, quoteAt, quoteLength);
  if (lengthBytes !== packet.lengthBytes) {
    writeIpv6PayloadLength(bytes, quoteAt, lengthBytes - IPV6_HEADER_LENGTH);
    shortenUdp(bytes, packet, lengthBytes, quoteAt);
  }
  writeIcmpv6Checksum(bytes, at, icmpAt, messageLength);
  return IPV6_HEADER_LENGTH + messageLength;
}

/** Makes the quoted UDP header of a super-packet that of its first segment. */
function shortenUdp(bytes: Uint8Array, packet: InnerPacket, lengthBytes: number, quoteAt: number): void {
  if (packet.protocol !== IpProtocol.udp) return;
  const offset = packet.transportAt - packet.at;
  writeUdpLength(bytes, quoteAt + offset, lengthBytes - offset);
}
