/**
 * ICMPv6 header (RFC 4443, section 2.1). All fields are big-endian.
 *
 *      0                   1                   2                   3
 *      0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *   0 |     Type      |     Code      |           Checksum            |
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *   4 |          Rest of header: unused, MTU, pointer, identifier     |
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 */
import { finishChecksum, foldChecksum, onesComplementSum, pseudoHeaderSum6 } from './checksum.ts';
import { IpProtocol } from './ip.ts';
import { readU16, readU32, writeU16, writeU32 } from './octets.ts';

const Offset = { type: 0, code: 1, checksum: 2, rest: 4 } as const;
const FIRST_INFORMATIONAL_TYPE = 128;

/** Size of the header, in bytes. */
export const ICMPV6_HEADER_LENGTH = 8;

/** Types that weft knows. */
export const Icmpv6Type = {
  destinationUnreachable: 1,
  packetTooBig: 2,
  timeExceeded: 3,
  parameterProblem: 4,
  echoRequest: 128,
  echoReply: 129,
  multicastListenerQuery: 130,
  multicastListenerReport: 131,
  multicastListenerDone: 132,
  routerSolicitation: 133,
  routerAdvertisement: 134,
  neighborSolicitation: 135,
  neighborAdvertisement: 136,
  redirect: 137,
  /** Of MLD version 2 (RFC 3810, section 5.2). */
  multicastListenerReportV2: 143,
} as const;

/** Codes of {@link Icmpv6Type}.destinationUnreachable (RFC 4443, section 3.1) that weft knows. */
export const Icmpv6UnreachableCode = { noRoute: 0, administrativelyProhibited: 1, address: 3, port: 4 } as const;

/** Type: an `Icmpv6Type`, or another. */
export function readIcmpv6Type(bytes: Uint8Array, at: number): number {
  return bytes[at + Offset.type]!;
}

/** Code, whose meaning depends on the type. */
export function readIcmpv6Code(bytes: Uint8Array, at: number): number {
  return bytes[at + Offset.code]!;
}

/** Checksum as it stands there. */
export function readIcmpv6Checksum(bytes: Uint8Array, at: number): number {
  return readU16(bytes, at + Offset.checksum);
}

/** The 32 bits behind the checksum; in "packet too big" the MTU, in bytes. */
export function readIcmpv6Rest(bytes: Uint8Array, at: number): number {
  return readU32(bytes, at + Offset.rest);
}

/** Whether a message of this type reports an error. Such a message, or a redirect, is never answered by another (2.4 e). */
export function isIcmpv6Error(type: number): boolean {
  return type < FIRST_INFORMATIONAL_TYPE;
}

/**
 * Whether the checksum over the message of `lengthBytes` bytes, header included, is right. `ipAt` is where the IPv6 header
 * lies: the checksum covers a pseudo-header, other than in IPv4.
 */
export function verifyIcmpv6Checksum(bytes: Uint8Array, ipAt: number, at: number, lengthBytes: number): boolean {
  const initial = pseudoHeaderSum6(bytes, ipAt, IpProtocol.icmpv6, lengthBytes);
  return foldChecksum(onesComplementSum(bytes, at, lengthBytes, initial)) === 0xffff;
}

/** Computes the checksum over the pseudo-header of `ipAt` and the message of `lengthBytes` bytes, and writes it. */
export function writeIcmpv6Checksum(bytes: Uint8Array, ipAt: number, at: number, lengthBytes: number): void {
  writeU16(bytes, at + Offset.checksum, 0);
  const initial = pseudoHeaderSum6(bytes, ipAt, IpProtocol.icmpv6, lengthBytes);
  writeU16(bytes, at + Offset.checksum, finishChecksum(onesComplementSum(bytes, at, lengthBytes, initial)));
}

/** Writes a header at `at`. Its checksum is 0 until {@link writeIcmpv6Checksum} is called on the whole message. */
export function encodeIcmpv6(type: number, code: number, rest: number, bytes: Uint8Array, at: number): void {
  bytes[at + Offset.type] = type;
  bytes[at + Offset.code] = code;
  writeU16(bytes, at + Offset.checksum, 0);
  writeU32(bytes, at + Offset.rest, rest);
}
