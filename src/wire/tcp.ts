/**
 * TCP header (RFC 9293, section 3.1). All fields are big-endian.
 *
 *      0                   1                   2                   3
 *      0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *   0 |          Source Port          |       Destination Port        |
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *   4 |                        Sequence Number                        |
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *   8 |                    Acknowledgment Number                      |
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *  12 | Offset| Rsrvd |C|E|U|A|P|R|S|F|            Window             |
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *  16 |           Checksum            |         Urgent Pointer        |
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *  20 |                 Options, Offset * 4 - 20 bytes                |
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 */
import { readU16, readU32, writeU16, writeU32 } from './octets.ts';

const Offset = {
  sourcePort: 0,
  destinationPort: 2,
  sequence: 4,
  acknowledgment: 8,
  dataOffset: 12,
  flags: 13,
  window: 14,
  checksum: 16,
  urgentPointer: 18,
} as const;
const Flag = { fin: 0x01, syn: 0x02, rst: 0x04, psh: 0x08, ack: 0x10, urg: 0x20, ece: 0x40, cwr: 0x80 } as const;
const OptionKind = { end: 0, noOperation: 1, maximumSegmentSize: 2 } as const;
const MSS_OPTION_LENGTH = 4;

/** Size of the header without options, in bytes. */
export const TCP_MIN_HEADER_LENGTH = 20;

/** Size of the header with all the options that fit, in bytes. */
export const TCP_MAX_HEADER_LENGTH = 60;

/** Where the octet with the flags lies in the header. */
export const TCP_FLAGS_OFFSET = Offset.flags;

/** Where the checksum lies in the header. */
export const TCP_CHECKSUM_OFFSET = Offset.checksum;

/** Where the acknowledgment number lies in the header. */
export const TCP_ACKNOWLEDGMENT_OFFSET = Offset.acknowledgment;

/** Where the options begin in the header. */
export const TCP_OPTIONS_OFFSET = TCP_MIN_HEADER_LENGTH;

/** Bits of {@link readTcpFlags}. */
export const TcpFlag = Flag;

/** Source port. */
export function readTcpSourcePort(bytes: Uint8Array, at: number): number {
  return readU16(bytes, at + Offset.sourcePort);
}

/** Destination port. */
export function readTcpDestinationPort(bytes: Uint8Array, at: number): number {
  return readU16(bytes, at + Offset.destinationPort);
}

/** Sequence number of the first byte of the payload, or of the SYN. */
export function readTcpSequence(bytes: Uint8Array, at: number): number {
  return readU32(bytes, at + Offset.sequence);
}

/** Acknowledgment number; means something only with the ACK flag. */
export function readTcpAcknowledgment(bytes: Uint8Array, at: number): number {
  return readU32(bytes, at + Offset.acknowledgment);
}

/** Size of the header, options included, in bytes: 0 to 60, and malformed below {@link TCP_MIN_HEADER_LENGTH}. */
export function readTcpHeaderLength(bytes: Uint8Array, at: number): number {
  return (bytes[at + Offset.dataOffset]! >>> 4) * 4;
}

/** The eight flags, see {@link TcpFlag}. */
export function readTcpFlags(bytes: Uint8Array, at: number): number {
  return bytes[at + Offset.flags]!;
}

/** Window, before scaling. */
export function readTcpWindow(bytes: Uint8Array, at: number): number {
  return readU16(bytes, at + Offset.window);
}

/** Checksum as it stands there. */
export function readTcpChecksum(bytes: Uint8Array, at: number): number {
  return readU16(bytes, at + Offset.checksum);
}

/** Sets the sequence number, modulo 2^32. The checksum becomes stale. */
export function writeTcpSequence(bytes: Uint8Array, at: number, sequence: number): void {
  writeU32(bytes, at + Offset.sequence, sequence);
}

/** Sets the eight flags. The checksum becomes stale. */
export function writeTcpFlags(bytes: Uint8Array, at: number, flags: number): void {
  bytes[at + Offset.flags] = flags;
}

/** Writes `checksum`, complete (`finishChecksum`) or partial (the folded sum of the pseudo-header). */
export function writeTcpChecksum(bytes: Uint8Array, at: number, checksum: number): void {
  writeU16(bytes, at + Offset.checksum, checksum);
}

/**
 * Where the value of the maximum segment size option lies in `bytes`, or -1 if there is none or the options are malformed
 * before it. It is 16 bits wide, and may lie at an odd distance from the header.
 *
 * The caller has checked that the whole header, options included, is there.
 */
export function findTcpMss(bytes: Uint8Array, at: number): number {
  const end = at + readTcpHeaderLength(bytes, at);
  let option = at + TCP_OPTIONS_OFFSET;
  while (option < end) {
    const kind = bytes[option]!;
    if (kind === OptionKind.end) return -1;
    if (kind === OptionKind.noOperation) {
      option += 1;
      continue;
    }
    const lengthBytes = option + 1 < end ? bytes[option + 1]! : 0;
    if (lengthBytes < 2 || option + lengthBytes > end) return -1;
    if (kind === OptionKind.maximumSegmentSize) return lengthBytes === MSS_OPTION_LENGTH ? option + 2 : -1;
    option += lengthBytes;
  }
  return -1;
}

/** Writes a header without options at `at`, urgent pointer 0. The checksum is the caller's, complete or partial. */
export function encodeTcp(
  sourcePort: number,
  destinationPort: number,
  sequence: number,
  acknowledgment: number,
  flags: number,
  window: number,
  checksum: number,
  bytes: Uint8Array,
  at: number,
): void {
  writeU16(bytes, at + Offset.sourcePort, sourcePort);
  writeU16(bytes, at + Offset.destinationPort, destinationPort);
  writeU32(bytes, at + Offset.sequence, sequence);
  writeU32(bytes, at + Offset.acknowledgment, acknowledgment);
  bytes[at + Offset.dataOffset] = (TCP_MIN_HEADER_LENGTH / 4) << 4;
  bytes[at + Offset.flags] = flags;
  writeU16(bytes, at + Offset.window, window);
  writeU16(bytes, at + Offset.checksum, checksum);
  writeU16(bytes, at + Offset.urgentPointer, 0);
}
