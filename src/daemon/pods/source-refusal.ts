/** Why a pod may not be given a prefix to send from. Pure. */
import { podArguments } from '../../directory/pod-name.ts';
import type { Member } from '../../membership/announcement.ts';
import type { StaticPeer } from '../../routing/static-peer.ts';
import { formatIpAddress, type IpAddress } from '../../wire/address.ts';
import {
  formatPrefix,
  hostPrefix,
  parsePrefix,
  type Prefix,
  prefixCovers,
  prefixesOverlap,
} from '../../wire/prefix.ts';
import type { KernelRoute } from '../../linux/route.ts';
import { addressesOf, type Link } from '../../linux/link.ts';
import { destinationOf, isRouteOfOthers } from '../host/route-overlap.ts';

/** Something that a prefix must not overlap. */
export interface TakenPrefix {
  readonly prefix: Prefix;
  /** Completes "overlaps …": `10.244.2.0/24 of node n2`. */
  readonly whose: string;
  /** What to do about it: `choose another prefix`. */
  readonly remedy: string;
}

/** What nobody may send from, or no single host. */
const reserved = (
  [
    ['0.0.0.0/8', 'unspecified addresses'],
    ['127.0.0.0/8', 'loopback addresses'],
    ['169.254.0.0/16', 'link-local addresses'],
    ['224.0.0.0/4', 'multicast addresses'],
    ['240.0.0.0/4', 'reserved addresses'],
    ['::/127', 'the unspecified and the loopback address'],
    ['::ffff:0:0/96', 'IPv4 addresses in IPv6'],
    ['fe80::/10', 'link-local addresses'],
    ['ff00::/8', 'multicast addresses'],
  ] as const
).map(([text, what]) => ({ prefix: parsePrefix(text)!, what: `${text}, ${what}` }));

const ANOTHER = 'choose another prefix';

/** Why no pod of this node may send from the prefix, as long as the configuration is as it is; `undefined`: one may. */
export function problemOf(
  prefix: Prefix,
  {
    clusterPrefixes,
    nodePrefixes,
  }: { readonly clusterPrefixes: readonly Prefix[]; readonly nodePrefixes: readonly Prefix[] },
): string | undefined {
  const text = formatPrefix(prefix);
  const { family } = prefix.address;
  const special = reserved.find((one) => prefixesOverlap(one.prefix, prefix));
  if (special !== undefined) return `${text} overlaps ${special.what}`;
  if (!nodePrefixes.some(({ address }) => address.family === family))
    return `${text} is IPv${family}, of which this node has no prefix (nodePrefixes)`;
  const own = nodePrefixes.find((one) => prefixesOverlap(one, prefix));
  const choose = 'choose a prefix that lies in clusterPrefixes, and outside of the nodePrefixes of all nodes';
  if (own !== undefined) return `${text} overlaps ${formatPrefix(own)}, of this node (nodePrefixes): ${choose}`;
  if (clusterPrefixes.some((cluster) => prefixCovers(cluster, prefix))) return undefined;
  const cluster = clusterPrefixes.map(formatPrefix).join(', ');
  return `${text} does not lie within clusterPrefixes (${cluster}), so that no node would route it: ${choose}`;
}

/** What the prefix overlaps; `undefined`: nothing of this. */
export function overlapOf(prefix: Prefix, taken: readonly TakenPrefix[]): TakenPrefix | undefined {
  return taken.find((one) => prefixesOverlap(one.prefix, prefix));
}

/** What nodes of a network announce, whatever their state, and where they are on the underlay. */
export function takenByNodes(members: readonly Member[], network: string): TakenPrefix[] {
  return members
    .filter(({ announcement }) => announcement.network === network)
    .flatMap(({ announcement: { name, prefixes, gossipEndpoint, dataEndpoints }, state }) => {
      const isGone = state === 'dead' || state === 'left';
      const forget = `, or have the cluster forget ${name}, which is ${state}: weft peer forget ${name}`;
      const remedy = isGone ? ANOTHER + forget : ANOTHER;
      const endpoints = [gossipEndpoint, ...dataEndpoints.map(({ endpoint }) => endpoint)];
      return [
        ...prefixes.map((prefix) => ({ prefix, whose: `${formatPrefix(prefix)} of node ${name}`, remedy })),
        ...endpoints.map(({ address }) => underlayOf(address, `node ${name}`, remedy)),
      ];
    });
}

export function takenByStaticPeers(peers: readonly StaticPeer[]): TakenPrefix[] {
  return peers.flatMap(({ name, prefixes, endpoint }) => [
    ...prefixes.map((prefix) => ({
      prefix,
      whose: `${formatPrefix(prefix)} of static peer ${name}`,
      remedy: ANOTHER,
    })),
    underlayOf(endpoint.address, `static peer ${name}`, ANOTHER),
  ]);
}

/** What pods of this node have: their addresses, and what lies behind them. */
export function takenByPods(
  pods: readonly { readonly pod: string; readonly addresses: readonly IpAddress[] }[],
  behind: readonly { readonly pod: string; readonly prefix: Prefix }[],
): TakenPrefix[] {
  return [
    ...pods.flatMap(({ pod, addresses }) =>
      addresses.map((address) => ofPod(pod, hostPrefix(address), `the address ${formatIpAddress(address)}`)),
    ),
    ...behind.map(({ pod, prefix }) => ofPod(pod, prefix, formatPrefix(prefix))),
  ];
}

/** What this machine has in its kernel: addresses of devices, and routes of others inside of the cluster's prefixes. */
export function takenByHost(
  links: readonly Link[],
  routes: readonly KernelRoute[],
  { clusterPrefixes, tunDevice }: { readonly clusterPrefixes: readonly Prefix[]; readonly tunDevice: string },
): TakenPrefix[] {
  const addresses = links.flatMap((link) =>
    addressesOf(link).flatMap((text): TakenPrefix[] => {
      const [address = ''] = text.split('/');
      const prefix = parsePrefix(`${address}/${address.includes(':') ? 128 : 32}`);
      return prefix === undefined
        ? []
        : [{ prefix, whose: `${address}, of the device ${link.ifname}`, remedy: ANOTHER }];
    }),
  );
  const ways = routes
    .filter((route) => isRouteOfOthers(route, tunDevice))
    .flatMap((route): TakenPrefix[] => {
      const prefix = destinationOf(route);
      // A wider one gives way to the cluster's.
      if (prefix === undefined || !clusterPrefixes.some((cluster) => prefixCovers(cluster, prefix))) return [];
      const device = route.dev === undefined ? '' : ` dev ${route.dev}`;
      const whose = `the route of this machine to ${formatPrefix(prefix)}${device}`;
      return [{ prefix, whose, remedy: `${ANOTHER}, or remove the route` }];
    });
  return [...addresses, ...ways];
}

function ofPod(pod: string, prefix: Prefix, what: string): TakenPrefix {
  return {
    prefix,
    whose: `${what} of pod ${pod}`,
    remedy: `${ANOTHER}, or remove that pod: weft pod rm ${podArguments(pod)}`,
  };
}

function underlayOf(address: IpAddress, whose: string, remedy: string): TakenPrefix {
  return {
    prefix: hostPrefix(address),
    whose: `${formatIpAddress(address)}, the underlay address of ${whose}`,
    remedy,
  };
}
