/** Address prefixes (RFC 4632; RFC 4291, section 2.3). Control-plane values, like the addresses that they are made of. */
import { compareIpAddresses, formatIpAddress, type IpAddress, parseIpAddress } from './address.ts';

/** Address bits and their number. Bits of `address` beyond `lengthBits` are zero. */
export interface Prefix {
  readonly address: IpAddress;
  readonly lengthBits: number;
}

/**
 * Reads `10.244.1.0/24` or `fd00::/64`, or gives undefined.
 *
 * Strict: the length is there, without leading zeros, and the bits beyond it are zero: `10.244.1.5/24` is an address with a
 * mask, and whoever writes it may not mean the prefix.
 */
export function parsePrefix(text: string): Prefix | undefined {
  const [, addressText, digits] = /^([^/]+)\/(0|[1-9][0-9]{0,2})$/.exec(text) ?? [];
  const address = addressText === undefined ? undefined : parseIpAddress(addressText);
  if (!address) return undefined;
  const lengthBits = Number(digits);
  if (lengthBits > address.bytes.length * 8) return undefined;
  for (let index = 0; index < address.bytes.length; index++) {
    if ((address.bytes[index]! & ~maskOctet(lengthBits, index)) !== 0) return undefined;
  }
  return { address, lengthBits };
}

/** Text of a prefix: `10.244.1.0/24`. */
export function formatPrefix(prefix: Prefix): string {
  return `${formatIpAddress(prefix.address)}/${prefix.lengthBits}`;
}

/** The same as `ip` and `nft` list it: a single address without its length. */
export function prefixWord(prefix: Prefix): string {
  return isSingleAddress(prefix) ? formatIpAddress(prefix.address) : formatPrefix(prefix);
}

/** Whether there is one address in it. */
export function isSingleAddress({ address, lengthBits }: Prefix): boolean {
  return lengthBits === address.bytes.length * 8;
}

/** Whether `address` lies in the prefix. */
export function prefixContains(prefix: Prefix, address: IpAddress): boolean {
  if (prefix.address.family !== address.family) return false;
  for (let index = 0; index * 8 < prefix.lengthBits; index++) {
    const difference = prefix.address.bytes[index]! ^ address.bytes[index]!;
    if ((difference & maskOctet(prefix.lengthBits, index)) !== 0) return false;
  }
  return true;
}

/** Whether every address of `inner` lies in `outer`. A prefix covers itself. */
export function prefixCovers(outer: Prefix, inner: Prefix): boolean {
  return inner.lengthBits >= outer.lengthBits && prefixContains(outer, inner.address);
}

/** Whether an address lies in both: then one of them covers the other. */
export function prefixesOverlap(a: Prefix, b: Prefix): boolean {
  return prefixCovers(a, b) || prefixCovers(b, a);
}

/** Order of prefixes: by address, and a prefix before the longer ones that begin like it. For `Array.sort`. */
export function comparePrefixes(a: Prefix, b: Prefix): number {
  return compareIpAddresses(a.address, b.address) || a.lengthBits - b.lengthBits;
}

/**
 * The address `offset` after the first of the prefix, or undefined if the prefix ends before it.
 *
 * @throws RangeError if `offset` is not an integer from 0 to 2^53 - 1.
 */
export function addressAt(prefix: Prefix, offset: number): IpAddress | undefined {
  if (!Number.isSafeInteger(offset) || offset < 0) throw new RangeError(`offset ${offset} is not a whole number`);
  const bytes = prefix.address.bytes.slice();
  let rest = offset;
  for (let index = bytes.length - 1; rest > 0; index--) {
    const hostMask = index < 0 ? 0 : ~maskOctet(prefix.lengthBits, index) & 0xff;
    const octet = rest % 256;
    if ((octet & ~hostMask) !== 0 || hostMask === 0) return undefined;
    bytes[index] = bytes[index]! | octet;
    rest = (rest - octet) / 256;
  }
  return { family: prefix.address.family, bytes };
}

/** The prefix that holds `address` alone: /32 or /128. */
export function hostPrefix(address: IpAddress): Prefix {
  return { address, lengthBits: address.bytes.length * 8 };
}

/** The prefix of `lengthBits` in which `address` lies. */
export function prefixAround(address: IpAddress, lengthBits: number): Prefix {
  const bytes = address.bytes.map((octet, index) => octet & maskOctet(lengthBits, index));
  return { address: { family: address.family, bytes }, lengthBits };
}

/** Octet `index` of the mask that belongs to `lengthBits`. */
function maskOctet(lengthBits: number, index: number): number {
  const bits = Math.min(Math.max(lengthBits - index * 8, 0), 8);
  return (0xff00 >> bits) & 0xff;
}
