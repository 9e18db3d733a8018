/**
 * Super-packets: what the kernel hands over, or takes, as one packet although it stands for several segments of a TCP
 * stream, or for several UDP datagrams (virtio 1.2, section 5.1.6; Linux `include/linux/virtio_net.h`).
 */
import { IpProtocol } from '../wire/ip.ts';
import { TCP_CHECKSUM_OFFSET } from '../wire/tcp.ts';
import { UDP_CHECKSUM_OFFSET } from '../wire/udp.ts';
import {
  GsoType,
  VirtioFlag,
  readChecksumOffset,
  readChecksumStart,
  readGsoSize,
  readGsoType,
  readVirtioFlags,
} from '../wire/virtio-net.ts';
import { DropReason } from './drop-reason.ts';
import type { InnerPacket } from './inner-packet.ts';

/**
 * Most segments of one super-packet. Linux goes down to an MSS of 48 bytes, options included, of which 36 may be left
 * for payload: 1819 segments.
 */
export const MAX_SEGMENTS = 2048;

/** Longest IP and transport header of a super-packet, in bytes: 60 + 60 in IPv4, the rest for IPv6 extension headers. */
export const MAX_SEGMENT_HEADER_LENGTH = 160;

/** Number of segments that carry `payloadLengthBytes` bytes; one if there is no payload. */
export function segmentCount(payloadLengthBytes: number, gsoSize: number): number {
  return payloadLengthBytes <= gsoSize ? 1 : Math.ceil(payloadLengthBytes / gsoSize);
}

/**
 * Whether weft can do what the virtio-net header at `at` asks for `packet`: the reason if not, else -1.
 *
 * @param headerLength of IP and transport, in bytes; 0 if the transport header is not to be relied on.
 */
export function judgeOffload(
  bytes: Uint8Array,
  at: number,
  packet: InnerPacket,
  headerLength: number,
): DropReason | -1 {
  const gsoType = readGsoType(bytes, at);
  const needsChecksum = (readVirtioFlags(bytes, at) & VirtioFlag.needsChecksum) !== 0;
  if (gsoType === GsoType.none) {
    return needsChecksum && !isChecksumInPacket(bytes, at, packet) ? DropReason.offloadMalformed : -1;
  }
  if (gsoType !== GsoType.tcp4 && gsoType !== GsoType.tcp6 && gsoType !== GsoType.udp) {
    return DropReason.offloadUnsupported;
  }
  if (!needsChecksum || headerLength === 0) return DropReason.offloadMalformed;
  if (headerLength > MAX_SEGMENT_HEADER_LENGTH) return DropReason.offloadUnsupported;
  const isUdp = gsoType === GsoType.udp;
  if (packet.protocol !== (isUdp ? IpProtocol.udp : IpProtocol.tcp)) return DropReason.offloadMalformed;
  if (!isUdp && packet.family !== (gsoType === GsoType.tcp4 ? 4 : 6)) return DropReason.offloadMalformed;
  const gsoSize = readGsoSize(bytes, at);
  const isConsistent =
    gsoSize > 0 &&
    packet.at + readChecksumStart(bytes, at) === packet.transportAt &&
    readChecksumOffset(bytes, at) === (isUdp ? UDP_CHECKSUM_OFFSET : TCP_CHECKSUM_OFFSET);
  if (!isConsistent) return DropReason.offloadMalformed;
  return segmentCount(packet.lengthBytes - headerLength, gsoSize) > MAX_SEGMENTS ? DropReason.tooManySegments : -1;
}

/** Whether the checksum that the header asks for begins behind the IP header, and its field lies in the packet. */
function isChecksumInPacket(bytes: Uint8Array, at: number, packet: InnerPacket): boolean {
  const start = packet.at + readChecksumStart(bytes, at);
  return start >= packet.transportAt && start + readChecksumOffset(bytes, at) + 2 <= packet.at + packet.lengthBytes;
}
