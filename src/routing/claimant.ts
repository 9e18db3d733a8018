/** Who claims something: a node of the cluster or a static peer, with its claims in a form that is quick to compare. */
import type { Announcement } from '../membership/announcement.ts';
import { formatEndpoint, formatIpAddress, formatMacAddress, type Endpoint, type MacAddress } from '../wire/address.ts';
import { comparePrefixes, prefixCovers, type Prefix } from '../wire/prefix.ts';
import { prefixRank } from './prefix-rank.ts';
import type { ResolvedRoute } from './resolved-route.ts';
import type { StaticPeer } from './static-peer.ts';

/** A prefix that somebody claims. */
export interface ClaimedPrefix {
  /** What it becomes if nothing speaks against it. */
  readonly route: ResolvedRoute;
  /** See {@link prefixRank}. */
  readonly rank: number;
  /** Whether it lies in one of the cluster prefixes. */
  readonly isInCluster: boolean;
}

export interface Claimant {
  readonly kind: 'local' | 'gossip' | 'static';
  readonly identity: string;
  readonly name: string;
  readonly network: string;
  /** MAC address, and underlay addresses of the data path, as text. */
  readonly mac: string;
  readonly addresses: readonly string[];
  /** In order, each prefix only once. */
  readonly prefixes: readonly ClaimedPrefix[];
  readonly areAllInCluster: boolean;
}

/** What a node claims. */
export function claimantOf(
  announcement: Announcement,
  incarnation: number,
  kind: 'local' | 'gossip',
  clusterPrefixes: readonly Prefix[],
): Claimant {
  const { identity, name, network, mac, prefixes, dataEndpoints } = announcement;
  const endpoints = dataEndpoints.map(({ endpoint }) => endpoint);
  return claimant({ kind, identity, name }, network, incarnation, mac, endpoints, prefixes, clusterPrefixes);
}

/** What static peers claim, in the order that decides between them. They belong to this node's network. */
export function claimantsOfStatic(
  staticPeers: readonly StaticPeer[],
  network: string,
  clusterPrefixes: readonly Prefix[],
): Claimant[] {
  return [...staticPeers]
    .sort((a, b) => compareText(sortKey(a), sortKey(b)))
    .map(({ name, endpoint, mac, prefixes }) =>
      claimant({ kind: 'static', identity: '', name }, network, 0, mac, [endpoint], prefixes, clusterPrefixes),
    );
}

/** In order of their prefixes. */
export function compareClaims(a: ClaimedPrefix, b: ClaimedPrefix): number {
  return a.rank - b.rank || comparePrefixes(a.route.prefix, b.route.prefix);
}

function claimant(
  owner: ResolvedRoute['owner'],
  network: string,
  version: number,
  mac: MacAddress,
  endpoints: readonly Endpoint[],
  prefixes: readonly Prefix[],
  clusterPrefixes: readonly Prefix[],
): Claimant {
  const claimed = prefixes
    .map((prefix): ClaimedPrefix => {
      const isInCluster = clusterPrefixes.some((cluster) => prefixCovers(cluster, prefix));
      return { route: { network, prefix, owner, version }, rank: prefixRank(prefix), isInCluster };
    })
    .sort(compareClaims);
  return {
    ...owner,
    network,
    mac: formatMacAddress(mac),
    addresses: endpoints.map(({ address }) => formatIpAddress(address)),
    prefixes: claimed.filter((claim, index) => index === 0 || compareClaims(claimed[index - 1]!, claim) !== 0),
    areAllInCluster: claimed.every(({ isInCluster }) => isInCluster),
  };
}

function sortKey({ name, endpoint, mac }: StaticPeer): string {
  return [name, formatEndpoint(endpoint), formatMacAddress(mac)].join(' ');
}

function compareText(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1;
}
