/** Which devices of this node lead to hosts that ask for addresses of pools. */
import type { ListedLink } from '../../linux/link.ts';
import { MAX_LINK_PREFIXES } from '../../membership/limits.ts';
import { type AddressPool, poolOverlaps } from '../../services/address-pool.ts';
import { parseIpAddress, parseMacAddress } from '../../wire/address.ts';
import { comparePrefixes, formatPrefix, type Prefix, prefixAround } from '../../wire/prefix.ts';
import type { PoolLink } from './announcing-link.ts';

/** Devices that are up and have a carrier, with an Ethernet address and an on-link prefix in which a pool has addresses; without those of pods. */
export function poolLinks(links: readonly ListedLink[], pools: readonly AddressPool[]): readonly PoolLink[] {
  return links.flatMap(({ ifindex: index, ifname: name, flags, address, addr_info }) => {
    const mac = parseMacAddress(address ?? '');
    if (mac === undefined || !flags.includes('UP') || !flags.includes('LOWER_UP') || flags.includes('LOOPBACK'))
      return [];
    const all = addr_info.flatMap(({ local, prefixlen }) => {
      const own = parseIpAddress(local ?? '');
      return own === undefined ? [] : [prefixAround(own, prefixlen)];
    });
    const distinct = new Map(all.map((prefix) => [formatPrefix(prefix), prefix])).values();
    const prefixes = [...distinct]
      .filter((prefix) => pools.some((pool) => poolOverlaps(pool, prefix)))
      .toSorted(comparePrefixes);
    return prefixes.length === 0 ? [] : [{ index, name, mac, prefixes }];
  });
}

/** What the node announces of them. */
export function announcedPrefixes(links: readonly PoolLink[]): readonly Prefix[] {
  const all = links.flatMap(({ prefixes }) => prefixes);
  return [...new Map(all.map((prefix) => [formatPrefix(prefix), prefix])).values()]
    .toSorted(comparePrefixes)
    .slice(0, MAX_LINK_PREFIXES);
}
