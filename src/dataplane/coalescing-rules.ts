/**
 * Which packets may stand in one super-packet: those that the kernel would make of it again, header for header.
 *
 * The rules are those of Linux when it receives (`tcp_gro_receive`, `udp_gro_receive`, `inet_gro_flush`), but for one: UDP
 * is coalesced whether or not a socket asked for it, as `UDP_L4` super-packets are taken apart where nobody did.
 *
 * Offsets `first` and `at` are those of IP headers without options or extensions, the transport header right behind.
 */
import { IpProtocol } from '../wire/ip.ts';
import {
  IPV4_MIN_HEADER_LENGTH,
  IPV4_SOURCE_OFFSET,
  isIpv4DontFragment,
  readIpv4Identification,
  readIpv4Protocol,
} from '../wire/ipv4.ts';
import { IPV6_HEADER_LENGTH, IPV6_SOURCE_OFFSET, readIpv6NextHeader } from '../wire/ipv6.ts';
import { equalOctets } from '../wire/octets.ts';
import {
  TCP_ACKNOWLEDGMENT_OFFSET,
  TCP_CHECKSUM_OFFSET,
  TcpFlag,
  readTcpFlags,
  readTcpHeaderLength,
} from '../wire/tcp.ts';
import { UDP_HEADER_LENGTH, readUdpChecksum, readUdpLength } from '../wire/udp.ts';
import type { InnerPacket } from './inner-packet.ts';

/** Flags of a segment that always travels alone: each of them means something to just this segment. */
const ALONE = TcpFlag.syn | TcpFlag.rst | TcpFlag.urg | TcpFlag.cwr;
/** Flags that a super-packet has from its last segment. */
const LAST = TcpFlag.psh | TcpFlag.fin;

/** Position of flags and window in the TCP header, and of what surrounds them. */
const TCP_FLAGS_OFFSET = 13;
const PORTS_LENGTH = 4;

/**
 * Payload of `packet` in bytes, if it may be part of a super-packet at all; else 0: no payload, a fragment, IP options or
 * extensions, another protocol, a flag that stands alone, UDP without a checksum or with something behind it.
 *
 * The caller has looked at its checksum, and found it right or partial.
 */
export function coalesciblePayload(bytes: Uint8Array, packet: InnerPacket): number {
  const { transportAt, transportLengthBytes } = packet;
  if (packet.isFragment || transportAt - packet.at !== ipHeaderLength(packet.family)) return 0;
  if (packet.protocol === IpProtocol.tcp) {
    if ((readTcpFlags(bytes, transportAt) & (ALONE | TcpFlag.ack)) !== TcpFlag.ack) return 0;
    return transportLengthBytes - readTcpHeaderLength(bytes, transportAt);
  }
  if (packet.protocol !== IpProtocol.udp || readUdpLength(bytes, transportAt) !== transportLengthBytes) return 0;
  return readUdpChecksum(bytes, transportAt) === 0 ? 0 : transportLengthBytes - UDP_HEADER_LENGTH;
}

/** Whether nothing may follow `packet` in a super-packet, whatever its size: a TCP segment with PSH or FIN. */
export function isAlwaysLast(bytes: Uint8Array, packet: InnerPacket): boolean {
  return packet.protocol === IpProtocol.tcp && lastFlags(bytes, packet.transportAt) !== 0;
}

/** PSH and FIN of the TCP header at `at`: what a super-packet takes over from its last segment. */
export function lastFlags(bytes: Uint8Array, at: number): number {
  return readTcpFlags(bytes, at) & LAST;
}

/** Whether `packet`, TCP or UDP and no fragment, has the addresses, ports and protocol of the one at `first`. */
export function isSameFlow(bytes: Uint8Array, packet: InnerPacket, first: number, family: 4 | 6): boolean {
  if (packet.family !== family) return false;
  const transport = first + ipHeaderLength(family);
  if (!equalOctets(bytes, packet.transportAt, bytes, transport, PORTS_LENGTH)) return false;
  if (family === 4) {
    if (readIpv4Protocol(bytes, first) !== packet.protocol) return false;
    return equalOctets(bytes, packet.sourceAt, bytes, first + IPV4_SOURCE_OFFSET, 8);
  }
  if (readIpv6NextHeader(bytes, first) !== packet.protocol) return false;
  return equalOctets(bytes, packet.sourceAt, bytes, first + IPV6_SOURCE_OFFSET, 32);
}

/** Whether the IP headers at `first` and `at` are equal in all but lengths, IPv4 identification and checksum. */
export function hasSameIpHeader(bytes: Uint8Array, first: number, at: number, family: 4 | 6): boolean {
  if (family === 4) {
    // Version and length, type of service; fragment word, time to live.
    return equalOctets(bytes, first, bytes, at, 2) && equalOctets(bytes, first + 6, bytes, at + 6, 3);
  }
  // Version, traffic class, flow label; hop limit.
  return equalOctets(bytes, first, bytes, at, 4) && bytes[first + 7] === bytes[at + 7];
}

/**
 * Whether the TCP headers at `first` and `at` are equal in all but sequence number, PSH, FIN and checksum. Options and
 * window included: what the window said in between would be lost.
 */
export function hasSameTcpHeader(bytes: Uint8Array, first: number, at: number): boolean {
  const acknowledgment = TCP_ACKNOWLEDGMENT_OFFSET;
  // Acknowledgment number, and length of the header.
  if (!equalOctets(bytes, first + acknowledgment, bytes, at + acknowledgment, TCP_FLAGS_OFFSET - acknowledgment)) {
    return false;
  }
  if (((readTcpFlags(bytes, first) ^ readTcpFlags(bytes, at)) & ~LAST) !== 0) return false;
  const window = TCP_FLAGS_OFFSET + 1;
  if (!equalOctets(bytes, first + window, bytes, at + window, TCP_CHECKSUM_OFFSET - window)) return false;
  // Urgent pointer and options.
  const rest = TCP_CHECKSUM_OFFSET + 2;
  return equalOctets(bytes, first + rest, bytes, at + rest, readTcpHeaderLength(bytes, first) - rest);
}

/**
 * Whether the IPv4 identification at `at` is what segmentation would give to segment number `index`, 1 or more: that of
 * the first plus `index`. With Don't Fragment it means nothing (RFC 6864), and may also stay the same throughout.
 *
 * @param isFixed whether the second segment, if there was one before, had that of the first.
 */
export function continuesIdentification(
  bytes: Uint8Array,
  first: number,
  at: number,
  index: number,
  isFixed: boolean,
): boolean {
  const difference = (readIpv4Identification(bytes, at) - readIpv4Identification(bytes, first)) & 0xffff;
  if (index === 1 && difference === 0) return isIpv4DontFragment(bytes, first);
  return difference === (isFixed ? 0 : index & 0xffff);
}

/** Length of an IP header without options and extensions, in bytes. */
export function ipHeaderLength(family: 4 | 6): number {
  return family === 4 ? IPV4_MIN_HEADER_LENGTH : IPV6_HEADER_LENGTH;
}
