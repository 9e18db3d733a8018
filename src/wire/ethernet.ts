/**
 * Ethernet II header (RFC 894; IEEE 802.3, clause 3). All fields are big-endian.
 *
 *      0                   1                   2                   3
 *      0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *   0 |                      Destination address                      |
 *     +                               +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *   4 |                               |        Source address         |
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+                               +
 *   8 |                                                               |
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *  12 |           EtherType           |
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 */
import { copyOctets, readU16, writeU16 } from './octets.ts';

const Offset = { destination: 0, source: 6, etherType: 12 } as const;
const Flag = { group: 0x01 } as const;

/** Size of the header without tags, in bytes. */
export const ETHERNET_HEADER_LENGTH = 14;

/** Size of a MAC address, in bytes. */
export const MAC_ADDRESS_LENGTH = 6;

/** Where the destination address lies in the header. */
export const ETHERNET_DESTINATION_OFFSET = Offset.destination;

/** Where the source address lies in the header. */
export const ETHERNET_SOURCE_OFFSET = Offset.source;

/** Values of the EtherType field that weft knows. */
export const EtherType = { ipv4: 0x0800, arp: 0x0806, vlan: 0x8100, ipv6: 0x86dd } as const;

/** EtherType of the header at `at`. Below 0x0600 it is a length (IEEE 802.3), and no protocol of ours. */
export function readEtherType(bytes: Uint8Array, at: number): number {
  return readU16(bytes, at + Offset.etherType);
}

/** Whether the destination is a group: multicast or broadcast. */
export function isGroupFrame(bytes: Uint8Array, at: number): boolean {
  return (bytes[at + Offset.destination]! & Flag.group) !== 0;
}

/** Writes a header at `at`; the addresses are {@link MAC_ADDRESS_LENGTH} bytes at `destinationAt` and `sourceAt`. */
export function encodeEthernet(
  destination: Uint8Array,
  destinationAt: number,
  source: Uint8Array,
  sourceAt: number,
  etherType: number,
  bytes: Uint8Array,
  at: number,
): void {
  copyOctets(destination, destinationAt, bytes, at + Offset.destination, MAC_ADDRESS_LENGTH);
  copyOctets(source, sourceAt, bytes, at + Offset.source, MAC_ADDRESS_LENGTH);
  writeU16(bytes, at + Offset.etherType, etherType);
}
