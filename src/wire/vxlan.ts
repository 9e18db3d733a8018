/**
 * VXLAN header (RFC 7348, section 5). All fields are big-endian.
 *
 *      0                   1                   2                   3
 *      0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *   0 |R|R|R|R|I|R|R|R|R|R|C|              Reserved                   |
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *   4 |        VXLAN Network Identifier (VNI)         |O| Csum start  |
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *
 * C, O and the checksum start are Remote Checksum Offload (draft-herbert-vxlan-rco, as Linux implements it); to RFC 7348
 * they are reserved. C: the inner transport checksum is partial. The start is halved and counted from the inner Ethernet
 * header. O: the checksum field lies at start + 6 (UDP) rather than start + 16 (TCP).
 */
import { readU24, writeU24, writeU32 } from './octets.ts';
import { TCP_CHECKSUM_OFFSET } from './tcp.ts';
import { UDP_CHECKSUM_OFFSET } from './udp.ts';

const Offset = { flags: 0, remoteChecksumFlag: 1, vni: 4, remoteChecksum: 7 } as const;
const Flag = { vniIsValid: 0x08, remoteChecksum: 0x20, remoteChecksumIsUdp: 0x80 } as const;
const REMOTE_CHECKSUM_START_MASK = 0x7f;

/** Size of the header, in bytes. */
export const VXLAN_HEADER_LENGTH = 8;

/** Largest VNI: the field is 24 bits wide. */
export const MAX_VNI = 0xff_ff_ff;

/** UDP port that IANA assigned to VXLAN (RFC 7348, section 8). */
export const VXLAN_PORT = 4789;

/** Largest checksum start that {@link encodeVxlanRemoteChecksum} can express, in bytes: 7 bits of 2-byte units. */
export const MAX_REMOTE_CHECKSUM_START = 254;

/**
 * VNI of the header at `at`, or -1 if its I flag is clear and it names no network.
 *
 * The caller has checked that {@link VXLAN_HEADER_LENGTH} bytes are there.
 */
export function readVni(bytes: Uint8Array, at: number): number {
  // Reserved bits are ignored on receipt, as section 5 requires. The checksum offload bit has a reader of its own.
  if ((bytes[at + Offset.flags]! & Flag.vniIsValid) === 0) return -1;
  return readU24(bytes, at + Offset.vni);
}

/** Whether the inner transport checksum is partial, and the next two readers mean something. */
export function hasRemoteChecksum(bytes: Uint8Array, at: number): boolean {
  return (bytes[at + Offset.remoteChecksumFlag]! & Flag.remoteChecksum) !== 0;
}

/** Where the checksum begins to cover, in bytes from the inner Ethernet header: 0 to {@link MAX_REMOTE_CHECKSUM_START}. */
export function readRemoteChecksumStart(bytes: Uint8Array, at: number): number {
  return (bytes[at + Offset.remoteChecksum]! & REMOTE_CHECKSUM_START_MASK) * 2;
}

/** Where the checksum field lies, in bytes after the start: 6 (UDP) or 16 (TCP). */
export function readRemoteChecksumOffset(bytes: Uint8Array, at: number): number {
  const isUdp = (bytes[at + Offset.remoteChecksum]! & Flag.remoteChecksumIsUdp) !== 0;
  return isUdp ? UDP_CHECKSUM_OFFSET : TCP_CHECKSUM_OFFSET;
}

/** Takes back that the inner transport checksum is partial. Other reserved bits stay as they are. */
export function clearRemoteChecksum(bytes: Uint8Array, at: number): void {
  bytes[at + Offset.remoteChecksumFlag] = bytes[at + Offset.remoteChecksumFlag]! & ~Flag.remoteChecksum;
  bytes[at + Offset.remoteChecksum] = 0;
}

/** Writes a header for `vni`, 0 to {@link MAX_VNI}, at `at`. */
export function encodeVxlan(vni: number, bytes: Uint8Array, at: number): void {
  // Buffers are reused: the reserved fields still hold bytes of the previous packet.
  writeU32(bytes, at, 0);
  writeU32(bytes, at + 4, 0);
  bytes[at + Offset.flags] = Flag.vniIsValid;
  writeU24(bytes, at + Offset.vni, vni);
}

/**
 * Writes a header that announces a partial inner checksum. Only for peers that said they understand it: others see
 * reserved bits, and a wrong checksum.
 *
 * @param start from the inner Ethernet header, in bytes; even, at most {@link MAX_REMOTE_CHECKSUM_START}.
 * @param isUdp whether the field lies at start + 6, rather than at start + 16.
 */
export function encodeVxlanRemoteChecksum(
  vni: number,
  start: number,
  isUdp: boolean,
  bytes: Uint8Array,
  at: number,
): void {
  encodeVxlan(vni, bytes, at);
  bytes[at + Offset.remoteChecksumFlag] = Flag.remoteChecksum;
  bytes[at + Offset.remoteChecksum] = (start >>> 1) | (isUdp ? Flag.remoteChecksumIsUdp : 0);
}
