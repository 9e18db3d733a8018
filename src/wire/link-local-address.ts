/**
 * Link-local IPv6 address of a station (RFC 4291, section 2.5.6), its interface identifier made from the MAC address
 * (appendix A: "modified EUI-64").
 *
 *     +------------+--------+--------------------+-------+--------------------+
 *     | fe80       | 0      | MAC 0-2, bit 0x02  | ff fe | MAC 3-5            |
 *     | (2 bytes)  | (6)    | of it inverted (3) | (2)   | (3)                |
 *     +------------+--------+--------------------+-------+--------------------+
 */
import { copyOctets, readU16, writeU16 } from './octets.ts';

const Offset = { prefix: 0, macHigh: 8, filler: 11, macLow: 13 } as const;
const PREFIX = 0xfe80;
const FILLER = 0xfffe;
const UNIVERSAL_BIT = 0x02;
const HALF_MAC_LENGTH = 3;

/** Whether the address at `at` begins like one. */
export function isLinkLocalAddress(bytes: Uint8Array, at: number): boolean {
  return (readU16(bytes, at) & 0xffc0) === PREFIX;
}

/** Writes the address, 16 bytes at `at`, of the station whose MAC address is at `macAt` of `mac`. */
export function encodeLinkLocalAddress(mac: Uint8Array, macAt: number, bytes: Uint8Array, at: number): void {
  bytes.fill(0, at, at + Offset.macHigh);
  writeU16(bytes, at + Offset.prefix, PREFIX);
  copyOctets(mac, macAt, bytes, at + Offset.macHigh, HALF_MAC_LENGTH);
  bytes[at + Offset.macHigh]! ^= UNIVERSAL_BIT;
  writeU16(bytes, at + Offset.filler, FILLER);
  copyOctets(mac, macAt + HALF_MAC_LENGTH, bytes, at + Offset.macLow, HALF_MAC_LENGTH);
}
