/**
 * IPv6 header (RFC 8200, section 3) and the chain of extension headers (section 4). All fields are big-endian.
 *
 *      0                   1                   2                   3
 *      0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *   0 |Version| Traffic Class |           Flow Label                  |
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *   4 |         Payload Length        |  Next Header  |   Hop Limit   |
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *   8 |                         Source Address                        |
 *     |                            16 bytes                           |
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *  24 |                      Destination Address                      |
 *     |                            16 bytes                           |
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 */
import { copyOctets, readU16, readU32, writeU16, writeU32 } from './octets.ts';

const Offset = {
  versionClassAndLabel: 0,
  payloadLength: 4,
  nextHeader: 6,
  hopLimit: 7,
  source: 8,
  destination: 24,
} as const;
const VERSION = 6;
const FLOW_LABEL_MASK = 0xf_ffff;

/** Size of the header without extensions, in bytes. */
export const IPV6_HEADER_LENGTH = 40;

/** Size of an address, in bytes. */
export const IPV6_ADDRESS_LENGTH = 16;

/** Smallest MTU that a link of IPv6 may have, in bytes (RFC 8200, section 5). */
export const IPV6_MIN_MTU = 1280;

/** Largest packet without a jumbo payload option, header included, in bytes. */
export const MAX_IPV6_LENGTH = 65_575;

/** Where the source address lies in the header. */
export const IPV6_SOURCE_OFFSET = Offset.source;

/** Where the destination address lies in the header. */
export const IPV6_DESTINATION_OFFSET = Offset.destination;

/** Version of the header at `at`: 6, if it is one. */
export function readIpv6Version(bytes: Uint8Array, at: number): number {
  return bytes[at]! >>> 4;
}

/** Traffic class: DSCP (six bits) and ECN (two bits). */
export function readIpv6TrafficClass(bytes: Uint8Array, at: number): number {
  return (readU16(bytes, at + Offset.versionClassAndLabel) >>> 4) & 0xff;
}

/** Flow label, 20 bits. */
export function readIpv6FlowLabel(bytes: Uint8Array, at: number): number {
  return readU32(bytes, at + Offset.versionClassAndLabel) & FLOW_LABEL_MASK;
}

/** Length of what follows the header, extension headers included, in bytes, as the packet claims. */
export function readIpv6PayloadLength(bytes: Uint8Array, at: number): number {
  return readU16(bytes, at + Offset.payloadLength);
}

/** Type of what follows the header: an extension header or a transport. See `findIpv6UpperLayer`. */
export function readIpv6NextHeader(bytes: Uint8Array, at: number): number {
  return bytes[at + Offset.nextHeader]!;
}

/** Hop limit, in hops. */
export function readIpv6HopLimit(bytes: Uint8Array, at: number): number {
  return bytes[at + Offset.hopLimit]!;
}

/** Sets the traffic class: DSCP and ECN. No checksum covers it. */
export function writeIpv6TrafficClass(bytes: Uint8Array, at: number, trafficClass: number): void {
  const first = at + Offset.versionClassAndLabel;
  bytes[first] = (bytes[first]! & 0xf0) | (trafficClass >>> 4);
  bytes[first + 1] = (bytes[first + 1]! & 0x0f) | ((trafficClass & 0x0f) << 4);
}

/** Sets the length of what follows the header. No checksum covers it; the transport's pseudo-header has a length of its own. */
export function writeIpv6PayloadLength(bytes: Uint8Array, at: number, lengthBytes: number): void {
  writeU16(bytes, at + Offset.payloadLength, lengthBytes);
}

/**
 * Writes a header without extensions at `at`.
 *
 * @param payloadLength of what follows the header, in bytes.
 * @param source holds the source address at `sourceAt`; `destination` likewise. Neither may overlap the header.
 */
export function encodeIpv6(
  trafficClass: number,
  flowLabel: number,
  payloadLength: number,
  nextHeader: number,
  hopLimit: number,
  source: Uint8Array,
  sourceAt: number,
  destination: Uint8Array,
  destinationAt: number,
  bytes: Uint8Array,
  at: number,
): void {
  writeU32(bytes, at + Offset.versionClassAndLabel, (VERSION << 28) | (trafficClass << 20) | flowLabel);
  writeU16(bytes, at + Offset.payloadLength, payloadLength);
  bytes[at + Offset.nextHeader] = nextHeader;
  bytes[at + Offset.hopLimit] = hopLimit;
  copyOctets(source, sourceAt, bytes, at + Offset.source, IPV6_ADDRESS_LENGTH);
  copyOctets(destination, destinationAt, bytes, at + Offset.destination, IPV6_ADDRESS_LENGTH);
}
