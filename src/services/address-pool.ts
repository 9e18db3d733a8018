/** Addresses out of which services get those of a load balancer: a prefix, or a range. */
import { compareIpAddresses, type IpAddress, parseIpAddress } from '../wire/address.ts';
import { formatPrefix, parsePrefix, type Prefix, prefixContains } from '../wire/prefix.ts';

/** All addresses from the first to the last, which are of one family. */
export interface AddressPool {
  /** As it was given. */
  readonly text: string;
  readonly first: IpAddress;
  readonly last: IpAddress;
  /** How many of the first ones, and of the last ones, nobody gets unasked. */
  readonly spared: readonly [first: number, last: number];
}

/** Of a pool with more addresses, only so many are given out unasked. */
const MAX_OFFERED = 65_536;

/**
 * Reads `192.0.2.0/24` or `192.0.2.10-192.0.2.20`. What may be the network's or the broadcast address of a prefix (RFC 919), or its
 * subnet-router anycast address (RFC 4291, section 2.6.1), nobody gets unasked.
 */
export function parsePool(text: string): AddressPool | undefined {
  const prefix = parsePrefix(text);
  if (prefix !== undefined) return poolOfPrefix(prefix);
  const parts = text.split('-').map((part) => parseIpAddress(part.trim()));
  const [first, last] = parts;
  if (parts.length !== 2 || first === undefined || last === undefined || first.family !== last.family) return undefined;
  return compareIpAddresses(first, last) > 0 ? undefined : { text, first, last, spared: [0, 0] };
}

export function poolContains({ first, last }: AddressPool, address: IpAddress): boolean {
  return (
    address.family === first.family && compareIpAddresses(first, address) <= 0 && compareIpAddresses(address, last) <= 0
  );
}

/** Whether an address lies in both. */
export function poolOverlaps(pool: AddressPool, prefix: Prefix): boolean {
  return prefixContains(prefix, pool.first) || prefixContains(prefix, pool.last) || poolContains(pool, prefix.address);
}

/** Whether an address lies in both. */
export function poolsOverlap(a: AddressPool, b: AddressPool): boolean {
  return poolContains(a, b.first) || poolContains(b, a.first);
}

/** How many addresses it gives out unasked. */
export function offeredBy({ first, last, spared }: AddressPool): number {
  const count = numberOf(last) - numberOf(first) + 1n - BigInt(spared[0] + spared[1]);
  return count > BigInt(MAX_OFFERED) ? MAX_OFFERED : Number(count);
}

/** @param offset below {@link offeredBy} */
export function offeredAt({ first, spared }: AddressPool, offset: number): IpAddress {
  return addressAfter(first, BigInt(spared[0] + offset));
}

function poolOfPrefix(prefix: Prefix): AddressPool {
  const { address, lengthBits } = prefix;
  const text = formatPrefix(prefix);
  const count = 1n << BigInt(address.bytes.length * 8 - lengthBits);
  const spared = count <= 2n ? ([0, 0] as const) : ([1, address.family === 4 ? 1 : 0] as const);
  return { text, first: address, last: addressAfter(address, count - 1n), spared };
}

function addressAfter(start: IpAddress, offset: bigint): IpAddress {
  const bytes = new Uint8Array(start.bytes.length);
  let rest = numberOf(start) + offset;
  for (let index = bytes.length - 1; index >= 0; index--) {
    bytes[index] = Number(rest & 0xffn);
    rest >>= 8n;
  }
  return { family: start.family, bytes };
}

function numberOf({ bytes }: IpAddress): bigint {
  return bytes.reduce((sum, octet) => (sum << 8n) | BigInt(octet), 0n);
}
