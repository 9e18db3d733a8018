/**
 * Walk over the IPv6 extension headers (RFC 8200, section 4; lengths: RFC 6564; Authentication Header: RFC 4302).
 *
 *      0                   1                   2                   3
 *      0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *   0 |  Next Header  |  Hdr Ext Len  |  Routing type | Segments left | (type and segments: Routing only)
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *   0 |  Next Header  |   Reserved    |     Fragment Offset     |Res|M|
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *   4 |                         Identification                        |
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *
 * The outcome is one number, so that the packet path allocates nothing: F (bit 24), protocol (bits 16-23) and offset
 * from the IPv6 header (bits 0-15), or -1.
 */
import { IpProtocol } from './ip.ts';
import { IPV6_HEADER_LENGTH, readIpv6NextHeader } from './ipv6.ts';
import { readU16, writeU16, writeU32 } from './octets.ts';

const Offset = { nextHeader: 0, length: 1, segmentsLeft: 3, fragment: 2, identification: 4 } as const;
const Flag = { isFragment: 0x100_0000 } as const;
const FRAGMENT_OFFSET_MASK = 0xfff8;
const MORE_FRAGMENTS = 1;
const FRAGMENT_OFFSET_AND_MORE_MASK = FRAGMENT_OFFSET_MASK | MORE_FRAGMENTS;
const EXTENSION_MIN_LENGTH = 8;
const MAX_OFFSET = 0xffff;

/** Extension headers that are followed before a packet counts as malformed. Linux, too, stops hosts at eight by default. */
export const MAX_IPV6_EXTENSIONS = 8;

/**
 * Finds what the packet at `at` carries behind its extension headers.
 *
 * Three cases end the walk early: a fragment, whose protocol is that of the original packet, and whose offset is that of
 * its part of the payload; an encrypted payload; and a routing header with segments left, which is itself the outcome,
 * because the transport checksum then covers another destination than the one in the header. A fragment header on a
 * packet that is whole (RFC 6946) is stepped over.
 *
 * @param lengthBytes of the packet, header included; at least {@link IPV6_HEADER_LENGTH}, and all of it is there.
 * @returns for `upperLayerProtocol`, `upperLayerOffset` and `isUpperLayerFragment`; -1 if the chain runs out of the packet,
 *   is longer than {@link MAX_IPV6_EXTENSIONS}, or has hop-by-hop options that are not first. The transport header itself
 *   was not looked at: fewer bytes than it needs, even none, may be left.
 */
export function findIpv6UpperLayer(bytes: Uint8Array, at: number, lengthBytes: number): number {
  let protocol = readIpv6NextHeader(bytes, at);
  let offset = IPV6_HEADER_LENGTH;
  for (let walked = 0; isExtension(protocol); walked++) {
    if (walked === MAX_IPV6_EXTENSIONS) return -1;
    if (protocol === IpProtocol.hopByHopOptions && walked > 0) return -1;
    if (offset + EXTENSION_MIN_LENGTH > lengthBytes) return -1;
    const header = at + offset;
    if (protocol === IpProtocol.routing && bytes[header + Offset.segmentsLeft]! !== 0) break;
    const isFragmentHeader = protocol === IpProtocol.fragment;
    offset += extensionLength(bytes, header, protocol);
    if (offset > lengthBytes || offset > MAX_OFFSET) return -1;
    protocol = bytes[header + Offset.nextHeader]!;
    if (isFragmentHeader && (readU16(bytes, header + Offset.fragment) & FRAGMENT_OFFSET_AND_MORE_MASK) !== 0) {
      return Flag.isFragment | (protocol << 16) | offset;
    }
  }
  return (protocol << 16) | offset;
}

/** Protocol in an outcome of {@link findIpv6UpperLayer} that is not -1. */
export function upperLayerProtocol(found: number): number {
  return (found >>> 16) & 0xff;
}

/** Offset in an outcome of {@link findIpv6UpperLayer} that is not -1: in bytes from the IPv6 header. */
export function upperLayerOffset(found: number): number {
  return found & 0xffff;
}

/** Whether an outcome of {@link findIpv6UpperLayer} that is not -1 is about a fragment, the first included. */
export function isUpperLayerFragment(found: number): boolean {
  return (found & Flag.isFragment) !== 0;
}

/**
 * Where the part of a fragment lies in the payload of the original packet, in bytes. `partAt` is where that part begins: where an
 * outcome of {@link findIpv6UpperLayer} that is about a fragment leads to.
 */
export function readIpv6FragmentOffset(bytes: Uint8Array, partAt: number): number {
  // The field counts units of eight, in the upper 13 bits: with the lower three cleared it is the number of bytes.
  return readU16(bytes, partAt - EXTENSION_MIN_LENGTH + Offset.fragment) & FRAGMENT_OFFSET_MASK;
}

/** Size of a fragment header, in bytes. */
export const IPV6_FRAGMENT_HEADER_LENGTH = EXTENSION_MIN_LENGTH;

/**
 * Writes a fragment header at `at`.
 *
 * @param protocol of the original packet, behind the headers that every fragment has.
 * @param offsetBytes where the part lies in the payload of the original packet: a multiple of eight.
 */
export function encodeIpv6Fragment(
  protocol: number,
  offsetBytes: number,
  hasMore: boolean,
  identification: number,
  bytes: Uint8Array,
  at: number,
): void {
  bytes[at + Offset.nextHeader] = protocol;
  bytes[at + Offset.length] = 0;
  writeU16(bytes, at + Offset.fragment, offsetBytes | (hasMore ? MORE_FRAGMENTS : 0));
  writeU32(bytes, at + Offset.identification, identification);
}

function isExtension(protocol: number): boolean {
  switch (protocol) {
    case IpProtocol.hopByHopOptions:
    case IpProtocol.routing:
    case IpProtocol.fragment:
    case IpProtocol.authenticationHeader:
    case IpProtocol.destinationOptions:
    case IpProtocol.mobility:
    case IpProtocol.hostIdentity:
    case IpProtocol.shim6:
      return true;
    default:
      return false;
  }
}

function extensionLength(bytes: Uint8Array, at: number, protocol: number): number {
  // The fragment header has a reserved byte in place of the length, the Authentication Header counts in another unit.
  if (protocol === IpProtocol.fragment) return EXTENSION_MIN_LENGTH;
  if (protocol === IpProtocol.authenticationHeader) return (bytes[at + Offset.length]! + 2) * 4;
  return (bytes[at + Offset.length]! + 1) * 8;
}
