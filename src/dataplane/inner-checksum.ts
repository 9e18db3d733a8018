/**
 * Transport checksums of inner packets.
 *
 * Over a veth, a Linux `vxlan` device with its offloads on leaves inner TCP and UDP checksums partial, and says so
 * nowhere: the field just holds the folded sum of the pseudo-header, length included. So both are accepted, partial and
 * complete. That is one 16-bit comparison in either case, and as strong against corruption as the checksum itself.
 */
import {
  finishChecksum,
  foldChecksum,
  onesComplementSum,
  pseudoHeaderSum4,
  pseudoHeaderSum6,
} from '../wire/checksum.ts';
import { ICMP_HEADER_LENGTH, verifyIcmpChecksum } from '../wire/icmp.ts';
import { ICMPV6_HEADER_LENGTH, verifyIcmpv6Checksum } from '../wire/icmpv6.ts';
import { IpProtocol } from '../wire/ip.ts';
import { writeU16 } from '../wire/octets.ts';
import { TCP_MIN_HEADER_LENGTH, readTcpChecksum, readTcpHeaderLength, writeTcpChecksum } from '../wire/tcp.ts';
import { UDP_HEADER_LENGTH, finishUdpChecksum, readUdpChecksum, readUdpLength, writeUdpChecksum } from '../wire/udp.ts';
import type { InnerPacket } from './inner-packet.ts';

/**
 * What a checksum turned out to be. `complete`: verified, or nothing that could be: a fragment, a protocol without a
 * checksum that weft knows, UDP without one. Tunnels may send UDP over IPv6 without one (RFC 6935, RFC 6936), and weft is a
 * node on their way: whether a socket takes it is for the kernel of the pod to say.
 */
export const ChecksumState = { complete: 0, partial: 1, wrong: 2, truncated: 3, badLength: 4 } as const;

export type ChecksumState = (typeof ChecksumState)[keyof typeof ChecksumState];

/** Looks at the transport header of `packet`, which was parsed from `bytes`, and at its checksum. */
export function judgeChecksum(bytes: Uint8Array, packet: InnerPacket): ChecksumState {
  if (packet.isFragment) return ChecksumState.complete;
  const { protocol, transportAt, transportLengthBytes } = packet;
  if (protocol === IpProtocol.tcp) return judgeTcp(bytes, packet);
  if (protocol === IpProtocol.udp) return judgeUdp(bytes, packet);
  if (protocol === IpProtocol.icmp && packet.family === 4) {
    if (transportLengthBytes < ICMP_HEADER_LENGTH) return ChecksumState.truncated;
    const isRight = verifyIcmpChecksum(bytes, transportAt, transportLengthBytes);
    return isRight ? ChecksumState.complete : ChecksumState.wrong;
  }
  if (protocol === IpProtocol.icmpv6 && packet.family === 6) {
    if (transportLengthBytes < ICMPV6_HEADER_LENGTH) return ChecksumState.truncated;
    const isRight = verifyIcmpv6Checksum(bytes, packet.at, transportAt, transportLengthBytes);
    return isRight ? ChecksumState.complete : ChecksumState.wrong;
  }
  return ChecksumState.complete;
}

/** Makes the checksum of a whole TCP or UDP packet partial: the field holds the folded sum of the pseudo-header. */
export function makeChecksumPartial(bytes: Uint8Array, packet: InnerPacket): void {
  const partial = foldChecksum(pseudoHeaderSum(bytes, packet, packet.transportLengthBytes));
  if (packet.protocol === IpProtocol.tcp) writeTcpChecksum(bytes, packet.transportAt, partial);
  else writeUdpChecksum(bytes, packet.transportAt, partial);
}

function judgeTcp(bytes: Uint8Array, packet: InnerPacket): ChecksumState {
  const { transportAt, transportLengthBytes } = packet;
  if (transportLengthBytes < TCP_MIN_HEADER_LENGTH) return ChecksumState.truncated;
  const headerLength = readTcpHeaderLength(bytes, transportAt);
  if (headerLength < TCP_MIN_HEADER_LENGTH) return ChecksumState.badLength;
  if (headerLength > transportLengthBytes) return ChecksumState.truncated;
  const pseudo = pseudoHeaderSum(bytes, packet, transportLengthBytes);
  if (readTcpChecksum(bytes, transportAt) === foldChecksum(pseudo)) return ChecksumState.partial;
  return verify(bytes, transportAt, transportLengthBytes, pseudo);
}

function judgeUdp(bytes: Uint8Array, packet: InnerPacket): ChecksumState {
  const { transportAt, transportLengthBytes } = packet;
  if (transportLengthBytes < UDP_HEADER_LENGTH) return ChecksumState.truncated;
  const lengthBytes = readUdpLength(bytes, transportAt);
  if (lengthBytes < UDP_HEADER_LENGTH) return ChecksumState.badLength;
  if (lengthBytes > transportLengthBytes) return ChecksumState.truncated;
  const checksum = readUdpChecksum(bytes, transportAt);
  if (checksum === 0) return ChecksumState.complete;
  const pseudo = pseudoHeaderSum(bytes, packet, lengthBytes);
  // Options behind the datagram (RFC 9868) are not covered. The kernel would cover them when it completes a partial one.
  const isWhole = lengthBytes === transportLengthBytes;
  if (isWhole && checksum === foldChecksum(pseudo)) return ChecksumState.partial;
  return verify(bytes, transportAt, lengthBytes, pseudo);
}

function verify(bytes: Uint8Array, at: number, lengthBytes: number, pseudo: number): ChecksumState {
  const isRight = foldChecksum(onesComplementSum(bytes, at, lengthBytes, pseudo)) === 0xffff;
  return isRight ? ChecksumState.complete : ChecksumState.wrong;
}

function pseudoHeaderSum(bytes: Uint8Array, packet: InnerPacket, lengthBytes: number): number {
  return packet.family === 4
    ? pseudoHeaderSum4(bytes, packet.at, packet.protocol, lengthBytes)
    : pseudoHeaderSum6(bytes, packet.at, packet.protocol, lengthBytes);
}

/**
 * Turns a partial checksum, `offset` bytes after `start` in the IP packet, into a complete one. The field holds the sum of the
 * pseudo-header, so it is just summed too.
 */
export function completeChecksum(bytes: Uint8Array, packet: InnerPacket, start: number, offset: number): void {
  const sum = onesComplementSum(bytes, packet.at + start, packet.lengthBytes - start, 0);
  // A 0 would mean "none" in UDP, also where that is in something else. In TCP 0xffff is never the result of a sum, and Wireshark says so.
  const checksum = packet.protocol === IpProtocol.tcp ? finishChecksum(sum) : finishUdpChecksum(sum);
  writeU16(bytes, packet.at + start + offset, checksum);
}
