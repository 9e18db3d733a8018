/**
 * IPv4 header (RFC 791, section 3.1). All fields are big-endian.
 *
 *      0                   1                   2                   3
 *      0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *   0 |Version|  IHL  |Type of Service|          Total Length         |
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *   4 |         Identification        |0|D|M|     Fragment Offset     |
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *   8 |  Time to Live |    Protocol   |        Header Checksum        |
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *  12 |                         Source Address                        |
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *  16 |                      Destination Address                      |
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *  20 |                    Options, IHL * 4 - 20 bytes                |
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 */
import { finishChecksum, foldChecksum, onesComplementSum, updateChecksum } from './checksum.ts';
import { copyOctets, readU16, writeU16 } from './octets.ts';

const Offset = {
  versionAndLength: 0,
  typeOfService: 1,
  totalLength: 2,
  identification: 4,
  fragment: 6,
  timeToLive: 8,
  protocol: 9,
  headerChecksum: 10,
  source: 12,
  destination: 16,
} as const;
const Flag = { dontFragment: 0x4000, moreFragments: 0x2000 } as const;
const FRAGMENT_OFFSET_MASK = 0x1fff;
const FRAGMENT_OFFSET_UNIT_BYTES = 8;
const VERSION = 4;

/** Size of the header without options, in bytes. */
export const IPV4_MIN_HEADER_LENGTH = 20;

/** Size of the header with all the options that fit, in bytes. */
export const IPV4_MAX_HEADER_LENGTH = 60;

/** Size of an address, in bytes. */
export const IPV4_ADDRESS_LENGTH = 4;

/** Largest packet, header included, in bytes: the length field is 16 bits wide. */
export const MAX_IPV4_LENGTH = 65_535;

/** Where the source address lies in the header. */
export const IPV4_SOURCE_OFFSET = Offset.source;

/** Where the destination address lies in the header. */
export const IPV4_DESTINATION_OFFSET = Offset.destination;

/** Where the checksum of the header lies in it. */
export const IPV4_CHECKSUM_OFFSET = Offset.headerChecksum;

/** Flags for {@link encodeIpv4}, as they stand in the 16-bit word with the fragment offset. */
export const Ipv4Flag = Flag;

/** Version of the header at `at`: 4, if it is one. */
export function readIpv4Version(bytes: Uint8Array, at: number): number {
  return bytes[at + Offset.versionAndLength]! >>> 4;
}

/** Size of the header, options included, in bytes: 0 to 60, and malformed below {@link IPV4_MIN_HEADER_LENGTH}. */
export function readIpv4HeaderLength(bytes: Uint8Array, at: number): number {
  return (bytes[at + Offset.versionAndLength]! & 0x0f) * 4;
}

/** Type of service: DSCP (six bits) and ECN (two bits). */
export function readIpv4TypeOfService(bytes: Uint8Array, at: number): number {
  return bytes[at + Offset.typeOfService]!;
}

/** Length of the packet, header included, in bytes, as it claims; the caller compares it with what is there. */
export function readIpv4TotalLength(bytes: Uint8Array, at: number): number {
  return readU16(bytes, at + Offset.totalLength);
}

/** Identification of the packet that a fragment belongs to. */
export function readIpv4Identification(bytes: Uint8Array, at: number): number {
  return readU16(bytes, at + Offset.identification);
}

/** Whether the packet must not be fragmented (DF). */
export function isIpv4DontFragment(bytes: Uint8Array, at: number): boolean {
  return (readU16(bytes, at + Offset.fragment) & Flag.dontFragment) !== 0;
}

/** Whether a fragment follows this one (MF). */
export function isIpv4MoreFragments(bytes: Uint8Array, at: number): boolean {
  return (readU16(bytes, at + Offset.fragment) & Flag.moreFragments) !== 0;
}

/** Where the payload lies in that of the original packet, in bytes (the field counts units of eight). */
export function readIpv4FragmentOffset(bytes: Uint8Array, at: number): number {
  return (readU16(bytes, at + Offset.fragment) & FRAGMENT_OFFSET_MASK) * FRAGMENT_OFFSET_UNIT_BYTES;
}

/** Whether this is a fragment, the first included: it lacks a part of its transport header or payload. */
export function isIpv4Fragment(bytes: Uint8Array, at: number): boolean {
  return (readU16(bytes, at + Offset.fragment) & (Flag.moreFragments | FRAGMENT_OFFSET_MASK)) !== 0;
}

/** Time to live, in hops. */
export function readIpv4TimeToLive(bytes: Uint8Array, at: number): number {
  return bytes[at + Offset.timeToLive]!;
}

/** Protocol of the payload: an `IpProtocol`, or another. */
export function readIpv4Protocol(bytes: Uint8Array, at: number): number {
  return bytes[at + Offset.protocol]!;
}

/** Header checksum as it stands there. */
export function readIpv4HeaderChecksum(bytes: Uint8Array, at: number): number {
  return readU16(bytes, at + Offset.headerChecksum);
}

/** Whether the header checksum is right. The caller has checked that the whole header, options included, is there. */
export function verifyIpv4HeaderChecksum(bytes: Uint8Array, at: number): boolean {
  return foldChecksum(onesComplementSum(bytes, at, readIpv4HeaderLength(bytes, at), 0)) === 0xffff;
}

/** Sets the version, and the size of the header, options included: a multiple of four bytes. The header checksum becomes stale. */
export function writeIpv4HeaderLength(bytes: Uint8Array, at: number, headerLength: number): void {
  bytes[at + Offset.versionAndLength] = (VERSION << 4) | (headerLength / 4);
}

/** Sets the length of the packet, header included. The header checksum becomes stale. */
export function writeIpv4TotalLength(bytes: Uint8Array, at: number, lengthBytes: number): void {
  writeU16(bytes, at + Offset.totalLength, lengthBytes);
}

/** Sets the identification, modulo 2^16. The header checksum becomes stale. */
export function writeIpv4Identification(bytes: Uint8Array, at: number, identification: number): void {
  writeU16(bytes, at + Offset.identification, identification);
}

/**
 * Sets the fragment word: `flags` from {@link Ipv4Flag}, and an offset in bytes that is a multiple of eight. The header
 * checksum becomes stale.
 */
export function writeIpv4Fragment(bytes: Uint8Array, at: number, flags: number, offsetBytes: number): void {
  writeU16(bytes, at + Offset.fragment, flags | (offsetBytes / FRAGMENT_OFFSET_UNIT_BYTES));
}

/** Sets the type of service, DSCP and ECN, and brings the header checksum up to date. */
export function writeIpv4TypeOfService(bytes: Uint8Array, at: number, typeOfService: number): void {
  const before = readU16(bytes, at + Offset.versionAndLength);
  bytes[at + Offset.typeOfService] = typeOfService;
  const after = readU16(bytes, at + Offset.versionAndLength);
  const checksum = readU16(bytes, at + Offset.headerChecksum);
  writeU16(bytes, at + Offset.headerChecksum, updateChecksum(checksum, before, after));
}

/** Computes the header checksum over the header, options included, and writes it. */
export function writeIpv4HeaderChecksum(bytes: Uint8Array, at: number): void {
  writeU16(bytes, at + Offset.headerChecksum, 0);
  const sum = onesComplementSum(bytes, at, readIpv4HeaderLength(bytes, at), 0);
  writeU16(bytes, at + Offset.headerChecksum, finishChecksum(sum));
}

/**
 * Writes a header without options at `at`, its checksum included.
 *
 * @param totalLength of the packet, header included, in bytes.
 * @param flags from {@link Ipv4Flag}; the fragment offset is 0.
 * @param source holds the source address at `sourceAt`; `destination` likewise. Neither may overlap the header.
 */
export function encodeIpv4(
  typeOfService: number,
  totalLength: number,
  identification: number,
  flags: number,
  timeToLive: number,
  protocol: number,
  source: Uint8Array,
  sourceAt: number,
  destination: Uint8Array,
  destinationAt: number,
  bytes: Uint8Array,
  at: number,
): void {
  bytes[at + Offset.versionAndLength] = (VERSION << 4) | (IPV4_MIN_HEADER_LENGTH / 4);
  bytes[at + Offset.typeOfService] = typeOfService;
  writeU16(bytes, at + Offset.totalLength, totalLength);
  writeU16(bytes, at + Offset.identification, identification);
  writeU16(bytes, at + Offset.fragment, flags);
  bytes[at + Offset.timeToLive] = timeToLive;
  bytes[at + Offset.protocol] = protocol;
  copyOctets(source, sourceAt, bytes, at + Offset.source, IPV4_ADDRESS_LENGTH);
  copyOctets(destination, destinationAt, bytes, at + Offset.destination, IPV4_ADDRESS_LENGTH);
  writeIpv4HeaderChecksum(bytes, at);
}
