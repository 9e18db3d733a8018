/** Routes of others into the overlay's prefixes. */
import { ROUTE_PROTOCOL } from '../../linux/iproute.ts';
import type { KernelRoute } from '../../linux/route.ts';
import { formatPrefix, parsePrefix, prefixesOverlap, type Prefix } from '../../wire/prefix.ts';
import type { Notice } from '../../api/control-api.ts';

/** A default route, or one of the two halves that some VPNs set instead, gives way to any other: its length, in bits. */
const MAX_DEFAULT_LENGTH_BITS = 1;

/** With the prefix of the route that is somebody else's. */
export interface OverlapNotice extends Notice {
  readonly subject: string;
}

/** A notice for each route of somebody else that shares addresses with a cluster prefix. */
export function overlapNotices(
  clusterPrefixes: readonly Prefix[],
  routes: readonly KernelRoute[],
  tunDevice: string,
): OverlapNotice[] {
  return routes
    .filter((route) => isRouteOfOthers(route, tunDevice))
    .flatMap((route) => {
      const prefix = destinationOf(route);
      if (prefix === undefined || prefix.lengthBits <= MAX_DEFAULT_LENGTH_BITS) return [];
      return clusterPrefixes
        .filter((cluster) => prefixesOverlap(cluster, prefix))
        .map((cluster) => overlap(cluster, prefix, route));
    });
}

/** Whether somebody else made the route, and it leads anywhere. */
export function isRouteOfOthers({ protocol, dev, type }: KernelRoute, tunDevice: string): boolean {
  return protocol !== ROUTE_PROTOCOL && dev !== tunDevice && type === 'unicast';
}

/** Where it leads; `undefined` for a default route. */
export function destinationOf({ dst, family }: KernelRoute): Prefix | undefined {
  return parsePrefix(dst.includes('/') ? dst : `${dst}/${family === 4 ? 32 : 128}`);
}

function overlap(cluster: Prefix, prefix: Prefix, { dev }: KernelRoute): OverlapNotice {
  const via = dev === undefined ? '' : ` dev ${dev}`;
  const loser =
    prefix.lengthBits >= cluster.lengthBits
      ? `pods in ${formatPrefix(prefix)} cannot be reached from this node`
      : `hosts in ${formatPrefix(cluster)} cannot be reached from this node`;
  const message = `the cluster prefix ${formatPrefix(cluster)} overlaps the route to ${formatPrefix(prefix)}${via}: ${loser}; choose other cluster prefixes`;
  return { code: 'prefix-overlaps-host-route', message, subject: formatPrefix(prefix) };
}
