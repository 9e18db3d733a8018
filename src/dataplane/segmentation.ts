/**
 * Cuts super-packets into segments by gathering: per segment a new header, and a slice of the payload, which stays where
 * it is.
 *
 *     super-packet     | IP | TCP |      payload      |            one segment:  | VXLAN | Ethernet | IP | TCP |  + slice
 *
 * What differs between segments is what Linux makes different (`inet_gso_segment`, `tcp_gso_segment`,
 * `__udp_gso_segment`): lengths, IPv4 identification, TCP sequence number, FIN and PSH only on the last, CWR only on
 * the first (RFC 3168, section 6.1.2), checksums.
 */
import {
  finishChecksum,
  foldChecksum,
  onesComplementSum,
  pseudoHeaderSum4,
  pseudoHeaderSum6,
} from '../wire/checksum.ts';
import { IpProtocol } from '../wire/ip.ts';
import {
  readIpv4Identification,
  writeIpv4HeaderChecksum,
  writeIpv4Identification,
  writeIpv4TotalLength,
} from '../wire/ipv4.ts';
import { IPV6_HEADER_LENGTH, writeIpv6PayloadLength } from '../wire/ipv6.ts';
import { copyOctets } from '../wire/octets.ts';
import {
  TcpFlag,
  readTcpFlags,
  readTcpSequence,
  writeTcpChecksum,
  writeTcpFlags,
  writeTcpSequence,
} from '../wire/tcp.ts';
import { finishUdpChecksum, writeUdpChecksum, writeUdpLength } from '../wire/udp.ts';
import { ENCAPSULATION_LENGTH } from './encapsulation.ts';
import type { InnerPacket } from './inner-packet.ts';
import { MAX_SEGMENT_HEADER_LENGTH } from './super-packet.ts';
import { DatagramOwner, type TransmitBatch } from './transmit-batch.ts';

/** Longest header piece of a segment, in bytes. */
export const HEADER_PIECE_BYTES = ENCAPSULATION_LENGTH + MAX_SEGMENT_HEADER_LENGTH;

/**
 * Appends the segments of a super-packet to `batch`.
 *
 * @param packet the super-packet, which passed `judgeOffload`.
 * @param headerLength of IP and transport, in bytes.
 * @param isPartial whether the transport checksums are left partial: the folded sum of each segment's pseudo-header.
 * @param pieceAt where header pieces may be written; the first {@link ENCAPSULATION_LENGTH} bytes there are filled in.
 * @returns the end of the header pieces.
 */
export function segmentInto(
  batch: TransmitBatch,
  bytes: Uint8Array,
  packet: InnerPacket,
  headerLength: number,
  gsoSize: number,
  isPartial: boolean,
  peer: number,
  socket: number,
  pieceAt: number,
): number {
  const end = packet.at + packet.lengthBytes;
  const pieceLength = ENCAPSULATION_LENGTH + headerLength;
  let piece = pieceAt;
  let index = 0;
  for (let payloadAt = packet.at + headerLength; payloadAt < end; payloadAt += gsoSize) {
    const payloadLength = Math.min(gsoSize, end - payloadAt);
    const ipAt = piece + ENCAPSULATION_LENGTH;
    if (index > 0) copyOctets(bytes, pieceAt, bytes, piece, ENCAPSULATION_LENGTH);
    copyOctets(bytes, packet.at, bytes, ipAt, headerLength);
    writeIpHeader(bytes, packet, ipAt, headerLength + payloadLength, index);
    const transportAt = ipAt + packet.transportAt - packet.at;
    if (packet.protocol === IpProtocol.tcp) {
      writeTcpHeader(bytes, transportAt, index * gsoSize, index === 0, payloadAt + payloadLength === end);
    } else {
      writeUdpLength(bytes, transportAt, ipAt + headerLength - transportAt + payloadLength);
    }
    writeTransportChecksum(
      bytes,
      packet,
      ipAt,
      transportAt,
      ipAt + headerLength - transportAt,
      payloadAt,
      payloadLength,
      isPartial,
    );
    batch.datagram(DatagramOwner.egress, peer, socket, headerLength + payloadLength);
    batch.piece(piece, pieceLength);
    batch.piece(payloadAt, payloadLength);
    piece += pieceLength;
    index++;
  }
  return piece;
}

/** Makes the copy at `ipAt` of the IP header of `packet` that of segment number `index`, which is `lengthBytes` bytes long. */
export function writeIpHeader(
  bytes: Uint8Array,
  packet: InnerPacket,
  ipAt: number,
  lengthBytes: number,
  index: number,
): void {
  if (packet.family === 6) {
    writeIpv6PayloadLength(bytes, ipAt, lengthBytes - IPV6_HEADER_LENGTH);
    return;
  }
  writeIpv4TotalLength(bytes, ipAt, lengthBytes);
  writeIpv4Identification(bytes, ipAt, readIpv4Identification(bytes, ipAt) + index);
  writeIpv4HeaderChecksum(bytes, ipAt);
}

/** Makes the copy at `at` of the TCP header that of the segment whose payload begins at `offset`, but for its checksum. */
export function writeTcpHeader(bytes: Uint8Array, at: number, offset: number, isFirst: boolean, isLast: boolean): void {
  let flags = readTcpFlags(bytes, at);
  if (!isFirst) flags &= ~TcpFlag.cwr;
  if (!isLast) flags &= ~(TcpFlag.fin | TcpFlag.psh);
  writeTcpFlags(bytes, at, flags);
  writeTcpSequence(bytes, at, readTcpSequence(bytes, at) + offset);
}

/**
 * Writes the checksum of a segment of `packet`: of its transport header, `headerLength` bytes at `at`, and of its payload.
 *
 * @param isPartial see {@link segmentInto}.
 */
export function writeTransportChecksum(
  bytes: Uint8Array,
  packet: InnerPacket,
  ipAt: number,
  at: number,
  headerLength: number,
  payloadAt: number,
  payloadLength: number,
  isPartial: boolean,
): void {
  const { protocol } = packet;
  const lengthBytes = headerLength + payloadLength;
  let sum =
    packet.family === 4
      ? pseudoHeaderSum4(bytes, ipAt, protocol, lengthBytes)
      : pseudoHeaderSum6(bytes, ipAt, protocol, lengthBytes);
  if (isPartial) {
    if (protocol === IpProtocol.tcp) writeTcpChecksum(bytes, at, foldChecksum(sum));
    else writeUdpChecksum(bytes, at, foldChecksum(sum));
  } else if (protocol === IpProtocol.tcp) {
    writeTcpChecksum(bytes, at, 0);
    sum = onesComplementSum(bytes, at, headerLength, sum);
    writeTcpChecksum(bytes, at, finishChecksum(onesComplementSum(bytes, payloadAt, payloadLength, sum)));
  } else {
    writeUdpChecksum(bytes, at, 0);
    sum = onesComplementSum(bytes, at, headerLength, sum);
    writeUdpChecksum(bytes, at, finishUdpChecksum(onesComplementSum(bytes, payloadAt, payloadLength, sum)));
  }
}
