/** Prefixes as numbers, so that ten thousands of them are quickly sorted. */
import { readU16, readU32 } from '../wire/octets.ts';
import type { Prefix } from '../wire/prefix.ts';

/** Above the rank of every IPv4 prefix. */
const IPV6_RANK = 2 ** 50;
/** More than there are lengths of IPv4 prefixes. */
const LENGTHS = 64;

/**
 * A number that orders prefixes as `comparePrefixes` does. Only IPv6 prefixes that begin with the same 48 bits have the same,
 * and need to be compared themselves.
 */
export function prefixRank({ address, lengthBits }: Prefix): number {
  const { family, bytes } = address;
  const high = readU32(bytes, 0);
  return family === 4 ? high * LENGTHS + lengthBits : IPV6_RANK + high * 2 ** 16 + readU16(bytes, 4);
}
