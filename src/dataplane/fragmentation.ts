/**
 * Cuts IPv4 packets into fragments by gathering (RFC 791, sections 2.3 and 3.2): per fragment a header, and a slice of the
 * payload, which stays where it is.
 *
 *     packet   | IP, options | head |            rest            |
 *     first    | IP, options | head |  slice |                       MF, offset as the packet's
 *     further  | IP, copied options |  slice |                       MF as the packet's in the last
 *
 * A packet that is a fragment itself may be cut further. IPv6 packets are fragmented by their sender only.
 */
import {
  IPV4_MIN_HEADER_LENGTH,
  Ipv4Flag,
  MAX_IPV4_LENGTH,
  isIpv4MoreFragments,
  readIpv4FragmentOffset,
  readIpv4HeaderLength,
  writeIpv4Fragment,
  writeIpv4HeaderChecksum,
  writeIpv4HeaderLength,
  writeIpv4TotalLength,
} from '../wire/ipv4.ts';
import { copyOctets } from '../wire/octets.ts';
import { ENCAPSULATION_LENGTH } from './encapsulation.ts';
import type { InnerPacket } from './inner-packet.ts';
import { DatagramOwner, type TransmitBatch } from './transmit-batch.ts';

/** All fragments but the last carry a multiple of this, in bytes. */
const OFFSET_UNIT_BYTES = 8;
const OptionKind = { end: 0, noOperation: 1 } as const;
/** In the kind of an option: to be copied into every fragment (RFC 791, section 3.1). */
const COPIED = 0x80;

/** Most payload that a fragment other than the last can carry behind a header of `headerLength` bytes. */
function fragmentRoom(headerLength: number, mtuBytes: number): number {
  return (mtuBytes - headerLength) & ~(OFFSET_UNIT_BYTES - 1);
}

/**
 * Number of fragments of a packet with `payloadLength` bytes behind the header at `ipAt`: 1 if it fits. 0 if it cannot be
 * cut: a header alone fills the MTU, or its parts would lie beyond the end of the largest packet.
 */
export function fragmentCount(bytes: Uint8Array, ipAt: number, payloadLength: number, mtuBytes: number): number {
  const headerLength = readIpv4HeaderLength(bytes, ipAt);
  if (headerLength + payloadLength <= mtuBytes) return 1;
  if (readIpv4FragmentOffset(bytes, ipAt) + payloadLength > MAX_IPV4_LENGTH) return 0;
  const firstRoom = fragmentRoom(headerLength, mtuBytes);
  if (firstRoom < OFFSET_UNIT_BYTES) return 0;
  const furtherHeaderLength = headerLengthOfFurther(bytes, ipAt);
  const lastRoom = mtuBytes - furtherHeaderLength;
  const beyondLast = Math.max(0, payloadLength - firstRoom - lastRoom);
  return 2 + Math.ceil(beyondLast / fragmentRoom(furtherHeaderLength, mtuBytes));
}

/**
 * Appends the fragments of `packet`, which is too long and whose checksum is complete, to `batch`. It is changed.
 *
 * Before it, {@link ENCAPSULATION_LENGTH} bytes are filled in. At `pieceAt` headers of further fragments may be written.
 * Returns the end of those.
 */
export function fragmentPacketInto(
  batch: TransmitBatch,
  bytes: Uint8Array,
  packet: InnerPacket,
  mtuBytes: number,
  peer: number,
  socket: number,
  pieceAt: number,
): number {
  const headLength = fragmentRoom(packet.transportAt - packet.at, mtuBytes);
  const restAt = packet.transportAt + headLength;
  const restLength = packet.transportLengthBytes - headLength;
  return fragmentInto(batch, bytes, packet.at, headLength, restAt, restLength, mtuBytes, peer, socket, pieceAt);
}

/**
 * Appends what `segments` holds, the segments of super-packet `packet`, to `batch`: as they are if they fit, else in
 * fragments. The headers of those follow those of the segments; returns their end.
 */
export function fragmentSegmentsInto(
  batch: TransmitBatch,
  bytes: Uint8Array,
  packet: InnerPacket,
  segments: TransmitBatch,
  mtuBytes: number,
): number {
  const { datagramCount, firstPiece, pieceAt, pieceLengthBytes, peer, socket, innerLengthBytes } = segments;
  const lastHeader = firstPiece[datagramCount - 1]!;
  let piece = pieceAt[lastHeader]! + pieceLengthBytes[lastHeader]!;
  for (let segment = 0; segment < datagramCount; segment++) {
    const header = firstPiece[segment]!;
    const headerAt = pieceAt[header]!;
    const ipAt = headerAt + ENCAPSULATION_LENGTH;
    const headLength = pieceLengthBytes[header]! - ENCAPSULATION_LENGTH - (packet.transportAt - packet.at);
    const restAt = pieceAt[header + 1]!;
    const restLength = pieceLengthBytes[header + 1]!;
    const to = peer[segment]!;
    const from = socket[segment]!;
    if (fragmentCount(bytes, ipAt, headLength + restLength, mtuBytes) > 1) {
      piece = fragmentInto(batch, bytes, ipAt, headLength, restAt, restLength, mtuBytes, to, from, piece);
      continue;
    }
    batch.datagram(DatagramOwner.egress, to, from, innerLengthBytes[segment]!);
    batch.piece(headerAt, pieceLengthBytes[header]!);
    batch.piece(restAt, restLength);
  }
  return piece;
}

/**
 * Appends the fragments of a packet to `batch`. Its header is changed: it becomes the first one's.
 *
 * @param ipAt of the header, before which {@link ENCAPSULATION_LENGTH} bytes are filled in.
 * @param headLength of the payload that follows the header, in bytes; no more than {@link fragmentRoom}.
 * @param restAt where the payload goes on.
 * @param pieceAt where header pieces of further fragments may be written.
 * @returns the end of the header pieces.
 */
function fragmentInto(
  batch: TransmitBatch,
  bytes: Uint8Array,
  ipAt: number,
  headLength: number,
  restAt: number,
  restLength: number,
  mtuBytes: number,
  peer: number,
  socket: number,
  pieceAt: number,
): number {
  const headerLength = readIpv4HeaderLength(bytes, ipAt);
  const hasMore = isIpv4MoreFragments(bytes, ipAt);
  const end = restAt + restLength;
  let offset = readIpv4FragmentOffset(bytes, ipAt);
  let sliceAt = restAt;
  let sliceLength = fragmentRoom(headerLength, mtuBytes) - headLength;
  let piece = pieceAt;

  const firstLength = headerLength + headLength + sliceLength;
  batch.datagram(DatagramOwner.egress, peer, socket, firstLength);
  batch.piece(ipAt - ENCAPSULATION_LENGTH, ENCAPSULATION_LENGTH + headerLength + headLength);
  if (sliceLength > 0) batch.piece(sliceAt, sliceLength);
  // The header is a template until all further ones were made of it.
  const firstOffset = offset;
  offset += headLength + sliceLength;
  sliceAt += sliceLength;

  while (sliceAt < end) {
    const fragmentAt = piece + ENCAPSULATION_LENGTH;
    copyOctets(bytes, ipAt - ENCAPSULATION_LENGTH, bytes, piece, ENCAPSULATION_LENGTH + IPV4_MIN_HEADER_LENGTH);
    const furtherHeaderLength = copyOptions(bytes, ipAt, fragmentAt);
    const isLast = end - sliceAt <= mtuBytes - furtherHeaderLength;
    sliceLength = isLast ? end - sliceAt : fragmentRoom(furtherHeaderLength, mtuBytes);
    finishHeader(bytes, fragmentAt, furtherHeaderLength + sliceLength, hasMore || !isLast, offset);
    batch.datagram(DatagramOwner.egress, peer, socket, furtherHeaderLength + sliceLength);
    batch.piece(piece, ENCAPSULATION_LENGTH + furtherHeaderLength);
    batch.piece(sliceAt, sliceLength);
    piece = fragmentAt + furtherHeaderLength;
    offset += sliceLength;
    sliceAt += sliceLength;
  }
  finishHeader(bytes, ipAt, firstLength, true, firstOffset);
  return piece;
}

function finishHeader(bytes: Uint8Array, at: number, totalLength: number, hasMore: boolean, offset: number): void {
  writeIpv4TotalLength(bytes, at, totalLength);
  writeIpv4Fragment(bytes, at, hasMore ? Ipv4Flag.moreFragments : 0, offset);
  writeIpv4HeaderChecksum(bytes, at);
}

function headerLengthOfFurther(bytes: Uint8Array, ipAt: number): number {
  const end = ipAt + readIpv4HeaderLength(bytes, ipAt);
  let length = 0;
  for (let at = ipAt + IPV4_MIN_HEADER_LENGTH; at < end;) {
    const optionLength = lengthOfOption(bytes, at, end);
    if (optionLength === 0) break;
    if ((bytes[at]! & COPIED) !== 0) length += optionLength;
    at += optionLength;
  }
  return IPV4_MIN_HEADER_LENGTH + padded(length);
}

/** Writes the options of a further fragment, and the length of its header, which it returns. */
function copyOptions(bytes: Uint8Array, ipAt: number, fragmentAt: number): number {
  const end = ipAt + readIpv4HeaderLength(bytes, ipAt);
  let length = 0;
  for (let at = ipAt + IPV4_MIN_HEADER_LENGTH; at < end;) {
    const optionLength = lengthOfOption(bytes, at, end);
    if (optionLength === 0) break;
    if ((bytes[at]! & COPIED) !== 0) {
      copyOctets(bytes, at, bytes, fragmentAt + IPV4_MIN_HEADER_LENGTH + length, optionLength);
      length += optionLength;
    }
    at += optionLength;
  }
  const headerLength = IPV4_MIN_HEADER_LENGTH + padded(length);
  for (let at = IPV4_MIN_HEADER_LENGTH + length; at < headerLength; at++) bytes[fragmentAt + at] = OptionKind.end;
  writeIpv4HeaderLength(bytes, fragmentAt, headerLength);
  return headerLength;
}

/** Length of the option at `at`, or 0 if the list ends there, be it because it is malformed. */
function lengthOfOption(bytes: Uint8Array, at: number, end: number): number {
  const kind = bytes[at]!;
  if (kind === OptionKind.end) return 0;
  if (kind === OptionKind.noOperation) return 1;
  const length = at + 1 < end ? bytes[at + 1]! : 0;
  return length < 2 || at + length > end ? 0 : length;
}

function padded(optionsLength: number): number {
  return (optionsLength + 3) & ~3;
}
