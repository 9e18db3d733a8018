/**
 * Which destinations the overlay does not carry: multicast, broadcast and reserved (RFC 1112, section 4), link-local
 * (RFC 3927, RFC 4291), loopback and unspecified (RFC 1122, section 3.2.1.3; RFC 4291).
 */
import { readU16, readU32 } from '../wire/octets.ts';

/** Whether the address at `at` is one that the overlay may route. */
export function isRoutableUnicast(bytes: Uint8Array, at: number, family: 4 | 6): boolean {
  if (family === 6) return isRoutableUnicast6(bytes, at);
  const first = bytes[at]!;
  if (first === 0 || first === 127 || first >= 224) return false;
  return first !== 169 || bytes[at + 1] !== 254;
}

function isRoutableUnicast6(bytes: Uint8Array, at: number): boolean {
  const first = bytes[at]!;
  if (first === 0xff) return false;
  if ((readU16(bytes, at) & 0xffc0) === 0xfe80) return false;
  // :: and ::1
  if (first !== 0 || readU32(bytes, at) !== 0 || readU32(bytes, at + 4) !== 0 || readU32(bytes, at + 8) !== 0)
    return true;
  return readU32(bytes, at + 12) > 1;
}
