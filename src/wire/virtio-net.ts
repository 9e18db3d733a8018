/**
 * virtio-net header, as a TUN device with IFF_VNET_HDR puts it before each packet (virtio 1.2, section 5.1.6; Linux
 * `struct virtio_net_hdr`, 10 bytes).
 *
 *      0                   1                   2                   3
 *      0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *   0 |     Flags     |E|  GSO type   |         Header length         |
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *   4 |           GSO size            |        Checksum start         |
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *   8 |        Checksum offset        |
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *
 * The numbers are in the order of the host, and weft takes that to be little-endian: Node has no big-endian Linux that
 * weft supports. All lengths and offsets count from the IP header, which follows at once.
 */
import { readU16le, writeU16le } from './octets.ts';

const Offset = { flags: 0, gsoType: 1, headerLength: 2, gsoSize: 4, checksumStart: 6, checksumOffset: 8 } as const;
const Flag = { needsChecksum: 0x01, dataIsValid: 0x02 } as const;
const GSO_ECN = 0x80;

/** Size of the header, in bytes. */
export const VIRTIO_NET_HEADER_LENGTH = 10;

/**
 * Bits of {@link readVirtioFlags}. With `needsChecksum`, the checksum is partial: the field holds the folded sum of the
 * pseudo-header, length included. A TUN device ignores `dataIsValid` on writing.
 */
export const VirtioFlag = Flag;

/** Values of {@link readGsoType}. `udp` has IPv4 and IPv6 alike (VIRTIO_NET_HDR_GSO_UDP_L4). */
export const GsoType = { none: 0, tcp4: 1, tcp6: 4, udp: 5 } as const;

/** To be added to a TCP {@link GsoType} if the first segment alone shall carry CWR (VIRTIO_NET_HDR_GSO_ECN). */
export const GSO_ECN_BIT = GSO_ECN;

/** Flags, see {@link VirtioFlag}. */
export function readVirtioFlags(bytes: Uint8Array, at: number): number {
  return bytes[at + Offset.flags]!;
}

/** Kind of super-packet, a {@link GsoType} or another, without the ECN bit. */
export function readGsoType(bytes: Uint8Array, at: number): number {
  return bytes[at + Offset.gsoType]! & ~GSO_ECN;
}

/** Whether the ECN bit is set: only the first segment carries CWR. */
export function hasGsoEcn(bytes: Uint8Array, at: number): boolean {
  return (bytes[at + Offset.gsoType]! & GSO_ECN) !== 0;
}

/** Size of the IP and transport headers in bytes: a hint of the kernel, not to be relied upon. */
export function readVirtioHeaderLength(bytes: Uint8Array, at: number): number {
  return readU16le(bytes, at + Offset.headerLength);
}

/** Payload of each segment but the last, in bytes. */
export function readGsoSize(bytes: Uint8Array, at: number): number {
  return readU16le(bytes, at + Offset.gsoSize);
}

/** Where the partial checksum begins to cover: the transport header, in bytes from the IP header. */
export function readChecksumStart(bytes: Uint8Array, at: number): number {
  return readU16le(bytes, at + Offset.checksumStart);
}

/** Where the checksum field lies, in bytes after the start. */
export function readChecksumOffset(bytes: Uint8Array, at: number): number {
  return readU16le(bytes, at + Offset.checksumOffset);
}

/** Writes a header at `at`. All but `flags` and `gsoType` are in bytes; 0 where they mean nothing. */
export function encodeVirtioNet(
  flags: number,
  gsoType: number,
  headerLength: number,
  gsoSize: number,
  checksumStart: number,
  checksumOffset: number,
  bytes: Uint8Array,
  at: number,
): void {
  bytes[at + Offset.flags] = flags;
  bytes[at + Offset.gsoType] = gsoType;
  writeU16le(bytes, at + Offset.headerLength, headerLength);
  writeU16le(bytes, at + Offset.gsoSize, gsoSize);
  writeU16le(bytes, at + Offset.checksumStart, checksumStart);
  writeU16le(bytes, at + Offset.checksumOffset, checksumOffset);
}
