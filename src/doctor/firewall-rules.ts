/** What rules of a firewall name: ports, devices, addresses. */
import type { FirewallChain, FirewallMatch } from '../linux/firewall.ts';
import { OWN_TABLES, titleOf } from '../linux/nftables.ts';
import { parsePrefix, type Prefix, prefixesOverlap } from '../wire/prefix.ts';

/** A prefix as short as this is not about pods, but about half of the internet. */
const MAX_DEFAULT_LENGTH_BITS = 1;

/** Whether weft made it. */
export function isOwnTable({ table }: FirewallChain): boolean {
  return OWN_TABLES.some((own) => table === `nftables table ${titleOf(own)}`);
}

/** Whether a match asks for this port, alone or among others. */
export function namesPort({ isNegated, values }: FirewallMatch, port: number): boolean {
  if (isNegated) return false;
  return values.some((value) => {
    const [first = '', last = first] = value.split('-');
    return Number(first) <= port && port <= Number(last);
  });
}

/** Whether a match asks for these devices; a name may end in `*`. */
export function namesDevice({ isNegated, values }: FirewallMatch, device: string): boolean {
  if (isNegated) return false;
  return values.some((value) => {
    if (value.endsWith('*')) return device.startsWith(value.slice(0, -1));
    return device.endsWith('*') ? value.startsWith(device.slice(0, -1)) : value === device;
  });
}

/** Whether a match asks for addresses of the overlay. */
export function namesOverlay({ isNegated, values }: FirewallMatch, clusterPrefixes: readonly Prefix[]): boolean {
  if (isNegated) return false;
  return values.some((value) => {
    const prefix = parsePrefix(value.includes('/') ? value : `${value}/${value.includes(':') ? 128 : 32}`);
    if (prefix === undefined || prefix.lengthBits <= MAX_DEFAULT_LENGTH_BITS) return false;
    return clusterPrefixes.some((cluster) => prefixesOverlap(cluster, prefix));
  });
}
