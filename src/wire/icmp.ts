/**
 * ICMP header (RFC 792; MTU in "fragmentation needed": RFC 1191, section 4). All fields are big-endian.
 *
 *      0                   1                   2                   3
 *      0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *   0 |     Type      |     Code      |           Checksum            |
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *   4 |  Rest of header: unused, next-hop MTU (low half), identifier  |
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 */
import { finishChecksum, foldChecksum, onesComplementSum } from './checksum.ts';
import { readU16, readU32, writeU16, writeU32 } from './octets.ts';

const Offset = { type: 0, code: 1, checksum: 2, rest: 4 } as const;

/** Size of the header, in bytes. */
export const ICMP_HEADER_LENGTH = 8;

/** Types that weft knows. */
export const IcmpType = {
  echoReply: 0,
  destinationUnreachable: 3,
  sourceQuench: 4,
  redirect: 5,
  echoRequest: 8,
  timeExceeded: 11,
  parameterProblem: 12,
} as const;

/** Codes of {@link IcmpType}.destinationUnreachable that weft knows. */
export const IcmpUnreachableCode = {
  network: 0,
  host: 1,
  port: 3,
  fragmentationNeeded: 4,
  administrativelyProhibited: 13,
} as const;

/** Type: an `IcmpType`, or another. */
export function readIcmpType(bytes: Uint8Array, at: number): number {
  return bytes[at + Offset.type]!;
}

/** Code, whose meaning depends on the type. */
export function readIcmpCode(bytes: Uint8Array, at: number): number {
  return bytes[at + Offset.code]!;
}

/** Checksum as it stands there. */
export function readIcmpChecksum(bytes: Uint8Array, at: number): number {
  return readU16(bytes, at + Offset.checksum);
}

/** The 32 bits behind the checksum; in "fragmentation needed" the next-hop MTU in bytes, if the upper half is 0. */
export function readIcmpRest(bytes: Uint8Array, at: number): number {
  return readU32(bytes, at + Offset.rest);
}

/** Whether a message of this type reports an error. Such a message is never answered by another (RFC 1122, 3.2.2). */
export function isIcmpError(type: number): boolean {
  switch (type) {
    case IcmpType.destinationUnreachable:
    case IcmpType.sourceQuench:
    case IcmpType.redirect:
    case IcmpType.timeExceeded:
    case IcmpType.parameterProblem:
      return true;
    default:
      return false;
  }
}

/** Whether the checksum over the message of `lengthBytes` bytes, header included, is right. */
export function verifyIcmpChecksum(bytes: Uint8Array, at: number, lengthBytes: number): boolean {
  return foldChecksum(onesComplementSum(bytes, at, lengthBytes, 0)) === 0xffff;
}

/** Computes the checksum over the message of `lengthBytes` bytes, header included, and writes it. */
export function writeIcmpChecksum(bytes: Uint8Array, at: number, lengthBytes: number): void {
  writeU16(bytes, at + Offset.checksum, 0);
  writeU16(bytes, at + Offset.checksum, finishChecksum(onesComplementSum(bytes, at, lengthBytes, 0)));
}

/** Writes a header at `at`. Its checksum is 0 until {@link writeIcmpChecksum} is called on the whole message. */
export function encodeIcmp(type: number, code: number, rest: number, bytes: Uint8Array, at: number): void {
  bytes[at + Offset.type] = type;
  bytes[at + Offset.code] = code;
  writeU16(bytes, at + Offset.checksum, 0);
  writeU32(bytes, at + Offset.rest, rest);
}
