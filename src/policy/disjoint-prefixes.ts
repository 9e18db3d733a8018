/** Prefixes of which none overlaps another, as sets of intervals in a kernel want them. */
import type { IpAddress } from '../wire/address.ts';
import { comparePrefixes, type Prefix, prefixCovers } from '../wire/prefix.ts';

/** The same addresses, without what others cover, in order. */
export function disjointPrefixes(prefixes: readonly Prefix[]): readonly Prefix[] {
  const kept: Prefix[] = [];
  // A prefix comes right before what it covers.
  for (const prefix of prefixes.toSorted(comparePrefixes)) {
    const last = kept.at(-1);
    if (last === undefined || !prefixCovers(last, prefix)) kept.push(prefix);
  }
  return kept;
}

/** The addresses of a prefix that lie in none of the exceptions: per exception, one prefix at most for each bit by which it is longer. */
export function prefixWithout(prefix: Prefix, except: readonly Prefix[]): readonly Prefix[] {
  const within = except.filter((one) => prefixCovers(prefix, one));
  if (except.some((one) => prefixCovers(one, prefix))) return [];
  if (within.length === 0) return [prefix];
  return halvesOf(prefix).flatMap((half) => prefixWithout(half, within));
}

function halvesOf({ address, lengthBits }: Prefix): readonly Prefix[] {
  return [address, withBit(address, lengthBits)].map((one) => ({ address: one, lengthBits: lengthBits + 1 }));
}

function withBit({ family, bytes }: IpAddress, bit: number): IpAddress {
  const set = bytes.slice();
  set[bit >> 3]! |= 0x80 >> (bit & 7);
  return { family, bytes: set };
}
