/**
 * UDP header (RFC 768). All fields are big-endian.
 *
 *      0                   1                   2                   3
 *      0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *   0 |          Source Port          |       Destination Port        |
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *   4 |            Length             |           Checksum            |
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 */
import { finishChecksum } from './checksum.ts';
import { readU16, writeU16 } from './octets.ts';

const Offset = { sourcePort: 0, destinationPort: 2, length: 4, checksum: 6 } as const;

/** Size of the header, in bytes. */
export const UDP_HEADER_LENGTH = 8;

/** Largest port. */
export const MAX_PORT = 65_535;

/** Where the checksum lies in the header. */
export const UDP_CHECKSUM_OFFSET = Offset.checksum;

/** Source port; 0 if none. */
export function readUdpSourcePort(bytes: Uint8Array, at: number): number {
  return readU16(bytes, at + Offset.sourcePort);
}

/** Destination port. */
export function readUdpDestinationPort(bytes: Uint8Array, at: number): number {
  return readU16(bytes, at + Offset.destinationPort);
}

/** Length of header and payload, in bytes, as the datagram claims; malformed below {@link UDP_HEADER_LENGTH}. */
export function readUdpLength(bytes: Uint8Array, at: number): number {
  return readU16(bytes, at + Offset.length);
}

/** Checksum as it stands there; 0 means that the sender made none, which over IPv6 only tunnels may do (RFC 6935). */
export function readUdpChecksum(bytes: Uint8Array, at: number): number {
  return readU16(bytes, at + Offset.checksum);
}

/** Sets the length of header and payload. The checksum becomes stale: it covers the length twice. */
export function writeUdpLength(bytes: Uint8Array, at: number, lengthBytes: number): void {
  writeU16(bytes, at + Offset.length, lengthBytes);
}

/** Writes `checksum`, complete (`finishUdpChecksum`) or partial (the folded sum of the pseudo-header). */
export function writeUdpChecksum(bytes: Uint8Array, at: number, checksum: number): void {
  writeU16(bytes, at + Offset.checksum, checksum);
}

/** Folds and complements a sum; what comes out as 0 is sent as 0xffff, because 0 means "none". */
export function finishUdpChecksum(sum: number): number {
  const checksum = finishChecksum(sum);
  return checksum === 0 ? 0xffff : checksum;
}

/** Writes a header at `at`; `lengthBytes` is that of header and payload. */
export function encodeUdp(
  sourcePort: number,
  destinationPort: number,
  lengthBytes: number,
  checksum: number,
  bytes: Uint8Array,
  at: number,
): void {
  writeU16(bytes, at + Offset.sourcePort, sourcePort);
  writeU16(bytes, at + Offset.destinationPort, destinationPort);
  writeU16(bytes, at + Offset.length, lengthBytes);
  writeU16(bytes, at + Offset.checksum, checksum);
}
