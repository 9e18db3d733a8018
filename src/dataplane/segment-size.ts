/**
 * Keeps TCP within what a peer takes from the start: the maximum segment size that either end announces in its SYN is lowered
 * to what fits (RFC 9293, section 3.7.1). It is never raised.
 */
import { updateChecksum } from '../wire/checksum.ts';
import { IpProtocol } from '../wire/ip.ts';
import { IPV4_MIN_HEADER_LENGTH } from '../wire/ipv4.ts';
import { IPV6_HEADER_LENGTH } from '../wire/ipv6.ts';
import { readU16, writeU16 } from '../wire/octets.ts';
import {
  TCP_MIN_HEADER_LENGTH,
  TcpFlag,
  findTcpMss,
  readTcpChecksum,
  readTcpFlags,
  writeTcpChecksum,
} from '../wire/tcp.ts';
import type { InnerPacket } from './inner-packet.ts';

/** Never less, in bytes: options must leave room for data. Linux's own limit for what it announces (`TCP_MIN_MSS`). */
const MIN_SEGMENT_SIZE = 88;

/**
 * Lowers the segment size that `packet` announces, if it is a SYN of TCP, to what a packet of `mtuBytes` carries. Headers
 * without options count: options are the sender's to leave room for (RFC 9293, section 3.7.1).
 *
 * @param isPartial whether the checksum is partial: such a one does not cover the option.
 */
export function clampSegmentSize(bytes: Uint8Array, packet: InnerPacket, mtuBytes: number, isPartial: boolean): void {
  if (packet.protocol !== IpProtocol.tcp || packet.transportLengthBytes < TCP_MIN_HEADER_LENGTH) return;
  const tcpAt = packet.transportAt;
  if ((readTcpFlags(bytes, tcpAt) & TcpFlag.syn) === 0) return;
  if (packet.transportHeaderLength(bytes) === 0) return;
  const valueAt = findTcpMss(bytes, tcpAt);
  if (valueAt === -1) return;
  const ipHeaderLength = packet.family === 4 ? IPV4_MIN_HEADER_LENGTH : IPV6_HEADER_LENGTH;
  const limit = Math.max(MIN_SEGMENT_SIZE, mtuBytes - ipHeaderLength - TCP_MIN_HEADER_LENGTH);
  const before = readU16(bytes, valueAt);
  if (before <= limit) return;
  writeU16(bytes, valueAt, limit);
  if (isPartial) return;
  const isOdd = ((valueAt - tcpAt) & 1) === 1;
  const checksum = readTcpChecksum(bytes, tcpAt);
  const updated = isOdd
    ? updateChecksum(checksum, swapped(before), swapped(limit))
    : updateChecksum(checksum, before, limit);
  writeTcpChecksum(bytes, tcpAt, updated);
}

/** A word at an odd offset lies across two words of the sum: the octets of both parts change places. */
function swapped(word: number): number {
  return ((word & 0xff) << 8) | (word >>> 8);
}
