/**
 * The sets of the node's nftables table: what changes while a daemon runs. The rules look into them, and stay as they are.
 *
 *     node4 node6       addresses of nodes, this one included, as far as they are believed to be there
 *     data4 data6       address and UDP port of each node's and static peer's data, whatever is known of its state
 *     gossip4 gossip6   address and port (TCP and UDP) of each node's gossip
 *     own4 own6         this node's own address in the underlay
 *     underlay          the device that has it
 *     prefix4 prefix6   this node's prefixes: those of its configuration, and those behind pods
 */
import type { NftSetContent } from '../../linux/nft-table-content.ts';
import type { Announcement, MemberState } from '../../membership/announcement.ts';
import { formatIpAddress, type Endpoint, type IpAddress } from '../../wire/address.ts';
import { type Prefix, prefixWord } from '../../wire/prefix.ts';

const types = {
  node4: 'ipv4_addr',
  node6: 'ipv6_addr',
  data4: 'ipv4_addr . inet_service',
  data6: 'ipv6_addr . inet_service',
  gossip4: 'ipv4_addr . inet_service',
  gossip6: 'ipv6_addr . inet_service',
  own4: 'ipv4_addr',
  own6: 'ipv6_addr',
  underlay: 'ifname',
  prefix4: 'ipv4_addr',
  prefix6: 'ipv6_addr',
} as const;

export type NodeSetName = keyof typeof types;

/** Elements of each set, as `nft` writes them: `198.18.0.2 . 4789`. */
export type NodeSets = Readonly<Record<NodeSetName, ReadonlySet<string>>>;

const nodeSetNames = Object.keys(types) as NodeSetName[];

/** What they are made from. */
export interface KnownNodes {
  /** What this node has in the underlay. */
  readonly underlay: { readonly interface: string; readonly address: IpAddress };
  /** Ports of this node; those of others are the same, unless they say otherwise. */
  readonly ports: { readonly data: number; readonly gossip: number };
  /** Endpoints of gossip with which this node begins. What is not known yet, is to be protected none the less. */
  readonly seeds: readonly Endpoint[];
  readonly staticPeers: readonly { readonly endpoint: Endpoint }[];
  /** Of this node, none of which overlaps another. */
  readonly prefixes: readonly Prefix[];
  readonly members: readonly {
    readonly state: MemberState;
    readonly announcement: Pick<Announcement, 'gossipEndpoint' | 'dataEndpoints'>;
  }[];
}

export function nodeSets({ underlay, ports, seeds, staticPeers, prefixes, members }: KnownNodes): NodeSets {
  const sets = Object.fromEntries(nodeSetNames.map((name) => [name, new Set<string>()])) as Record<
    NodeSetName,
    Set<string>
  >;
  const put = (kind: 'node' | 'own', address: IpAddress): void => {
    sets[`${kind}${address.family}`].add(formatIpAddress(address));
  };
  const putPort = (kind: 'data' | 'gossip', address: IpAddress, port: number): void => {
    sets[`${kind}${address.family}`].add(`${formatIpAddress(address)} . ${port}`);
  };
  sets.underlay.add(underlay.interface);
  for (const prefix of prefixes) sets[`prefix${prefix.address.family}`].add(prefixWord(prefix));
  put('own', underlay.address);
  put('node', underlay.address);
  putPort('data', underlay.address, ports.data);
  putPort('gossip', underlay.address, ports.gossip);
  for (const { address, port } of seeds) {
    putPort('gossip', address, port);
    putPort('data', address, ports.data);
  }
  for (const { endpoint } of staticPeers) {
    put('node', endpoint.address);
    putPort('data', endpoint.address, endpoint.port);
  }
  for (const { state, announcement } of members) {
    const { gossipEndpoint, dataEndpoints } = announcement;
    const endpoints = dataEndpoints.map(({ endpoint }) => endpoint);
    putPort('gossip', gossipEndpoint.address, gossipEndpoint.port);
    for (const { address, port } of endpoints) putPort('data', address, port);
    if (state !== 'alive' && state !== 'suspect') continue;
    for (const { address } of [gossipEndpoint, ...endpoints]) put('node', address);
  }
  return sets;
}

/** All elements of both. */
export function unitedSets(a: NodeSets, b: NodeSets): NodeSets {
  return Object.fromEntries(
    nodeSetNames.map((name) => [name, new Set([...a[name], ...b[name]])]),
  ) as unknown as NodeSets;
}

export function equalSets(a: NodeSets, b: NodeSets): boolean {
  return nodeSetNames.every((name) => a[name].size === b[name].size && without(a[name], b[name]).length === 0);
}

/** The sets, as the table has them. */
export function nodeSetContents(sets: NodeSets): Record<NodeSetName, NftSetContent> {
  const contents = nodeSetNames.map((name) => [
    name,
    { type: types[name], ...(isOfPrefixes(name) && { details: 'flags interval;' }), elements: sets[name] },
  ]);
  return Object.fromEntries(contents) as Record<NodeSetName, NftSetContent>;
}

/** The sets as the kernel has them, by their names; those that it lacks are empty. */
export function setsFrom(elements: ReadonlyMap<string, ReadonlySet<string>>): NodeSets {
  return Object.fromEntries(nodeSetNames.map((name) => [name, elements.get(name) ?? new Set()])) as unknown as NodeSets;
}

/** Elements of the one that the other has not. */
function without(elements: ReadonlySet<string>, others: ReadonlySet<string>): string[] {
  return [...elements].filter((element) => !others.has(element));
}

function isOfPrefixes(name: NodeSetName): boolean {
  return name === 'prefix4' || name === 'prefix6';
}
