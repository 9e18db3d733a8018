/** The route that an address takes, found in the list of all routes: for people who ask, packets have tables of their own. */
import type { IpAddress } from '../wire/address.ts';
import { comparePrefixes, type Prefix, prefixContains } from '../wire/prefix.ts';

/**
 * Index of the longest prefix with `address` in it, or -1. `routes` are in order of their prefixes, at most one for each.
 *
 * The last prefix that begins at or before an address either has it in it, or shares some leading bits with it; whatever has the
 * address in it then has no more bits than these. So each step looks for one with fewer bits.
 */
export function longestMatch(routes: readonly { readonly prefix: Prefix }[], address: IpAddress): number {
  for (let bits = address.bytes.length * 8; bits >= 0;) {
    const index = lastUpTo(routes, { address: masked(address, bits), lengthBits: bits });
    const found = routes[index]?.prefix;
    if (found === undefined || found.address.family !== address.family) return -1;
    if (prefixContains(found, address)) return index;
    bits = Math.min(bits - 1, commonBits(found.address, address));
  }
  return -1;
}

/** Index of the last route whose prefix is not behind `prefix`, or -1. */
function lastUpTo(routes: readonly { readonly prefix: Prefix }[], prefix: Prefix): number {
  let low = 0;
  let high = routes.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (comparePrefixes(routes[middle]!.prefix, prefix) <= 0) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

function masked({ family, bytes }: IpAddress, bits: number): IpAddress {
  const kept = bytes.map((octet, index) => octet & (0xff << Math.min(8, Math.max(0, 8 * (index + 1) - bits))));
  return { family, bytes: kept };
}

function commonBits(a: IpAddress, b: IpAddress): number {
  const differing = a.bytes.findIndex((octet, index) => octet !== b.bytes[index]);
  if (differing === -1) return a.bytes.length * 8;
  return 8 * differing + Math.clz32(a.bytes[differing]! ^ b.bytes[differing]!) - 24;
}
