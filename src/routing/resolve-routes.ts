/** From what nodes claim to the routes that are in use. */
import type { Member } from '../membership/announcement.ts';
import { formatEndpoint, formatIpAddress, formatMacAddress, type Endpoint, type MacAddress } from '../wire/address.ts';
import { comparePrefixes, formatPrefix, prefixCovers, type Prefix } from '../wire/prefix.ts';
import { ClaimedPrefixes } from './claimed-prefixes.ts';
import type { Refusal, RouteRefusalCode } from './refusal.ts';

export type { Refusal } from './refusal.ts';

/** A VTEP that is not weft, from this node's configuration. It belongs to this node's network. */
export interface StaticPeer {
  readonly name: string;
  readonly endpoint: Endpoint;
  readonly mac: MacAddress;
  readonly prefixes: readonly Prefix[];
  /** Largest inner packet that may go to it, in bytes; absent: as large as this node's overlay MTU. */
  readonly mtuBytes?: number | undefined;
}

/** A prefix and the one node that has it. */
export interface ResolvedRoute {
  readonly network: string;
  readonly prefix: Prefix;
  /** `identity` is empty for a static peer. */
  readonly owner: { readonly kind: 'local' | 'gossip' | 'static'; readonly identity: string; readonly name: string };
  /** Incarnation of the announcement; 0 for local and static ones. */
  readonly version: number;
}

/** What {@link resolveRoutes} decides about. */
export interface RouteClaims {
  readonly self: Member;
  /** Other members, in any order and any state. This node may be among them. */
  readonly members: readonly Member[];
  readonly staticPeers: readonly StaticPeer[];
  readonly clusterPrefixes: readonly Prefix[];
}

interface Claimant {
  readonly kind: 'local' | 'gossip' | 'static';
  readonly identity: string;
  readonly name: string;
  readonly network: string;
  readonly version: number;
  readonly mac: MacAddress;
  readonly dataEndpoints: readonly Endpoint[];
  readonly prefixes: readonly Prefix[];
}

/**
 * The routes in use, ordered by prefix, and every claim that is not, by claimant.
 *
 * Of two live nodes that claim one name, MAC, underlay address or overlapping prefixes the lower identity keeps it. Who
 * is refused a name, MAC or address has no routes at all, and takes nothing from others; who is refused a prefix keeps
 * the rest. Suspects count as live; dead and departed members claim nothing. All nodes that hold the same members decide
 * the same, whatever the order in which they heard of them; a node that loses sees it in its own result.
 *
 * Static peers come last, in order of their names, and lose against every node. Chosen instead of: configuration
 * wins. Because: configuration is local, and a line in one node's file must not make it disagree with all others about
 * where a pod of the cluster is.
 */
export function resolveRoutes(claims: RouteClaims): { routes: ResolvedRoute[]; refusals: Refusal[] } {
  const { self, clusterPrefixes } = claims;
  const names = new Map<string, Claimant>();
  const macs = new Map<string, Claimant>();
  const endpoints = new Map<string, Claimant>();
  const prefixes = new ClaimedPrefixes<Claimant>();
  const routes: ResolvedRoute[] = [];
  const refusals: Refusal[] = [];

  for (const claimant of claimantsInOrder(claims)) {
    const { kind, identity, name, network, version } = claimant;
    const mac = formatMacAddress(claimant.mac);
    const addresses = claimant.dataEndpoints.map(({ address }) => formatIpAddress(address));
    const refuse = (code: RouteRefusalCode, problem: string, keeper?: Claimant): void => {
      const keeperFields = keeper && { keeper: { identity: keeper.identity, name: keeper.name } };
      refusals.push({ identity, name, code, message: `${describe(claimant)}: ${problem}`, ...keeperFields });
    };

    if (network !== self.announcement.network) {
      refuse('other-network', `its network ${network} is not ${self.announcement.network}`);
      continue;
    }
    if (addresses.length === 0) {
      refuse('no-data-endpoint', 'it announces no endpoint for its data path');
      continue;
    }
    const nameKeeper = names.get(name);
    const macKeeper = macs.get(mac);
    const contested = addresses.find((address) => endpoints.has(address));
    if (nameKeeper) refuse('name-taken', `name ${name} is kept by ${describe(nameKeeper)}`, nameKeeper);
    if (macKeeper) refuse('mac-taken', `MAC address ${mac} is kept by ${describe(macKeeper)}`, macKeeper);
    if (contested !== undefined) {
      const keeper = endpoints.get(contested)!;
      refuse('endpoint-taken', `underlay address ${contested} is kept by ${describe(keeper)}`, keeper);
    }
    if (nameKeeper || macKeeper || contested !== undefined) continue;

    names.set(name, claimant);
    macs.set(mac, claimant);
    for (const address of addresses) endpoints.set(address, claimant);
    for (const prefix of inOrder(claimant.prefixes)) {
      if (!clusterPrefixes.some((cluster) => prefixCovers(cluster, prefix))) {
        refuse('outside-cluster', `prefix ${formatPrefix(prefix)} lies in no cluster prefix`);
        continue;
      }
      const keeper = prefixes.claim(prefix, claimant);
      if (keeper)
        refuse('prefix-overlap', `prefix ${formatPrefix(prefix)} overlaps one of ${describe(keeper)}`, keeper);
      else routes.push({ network, prefix, owner: { kind, identity, name }, version });
    }
  }
  routes.sort((a, b) => comparePrefixes(a.prefix, b.prefix));
  return { routes, refusals };
}

/** The order decides: who comes first keeps what is contested. */
function claimantsInOrder({ self, members, staticPeers }: RouteClaims): Claimant[] {
  const { network, identity: own } = self.announcement;
  const byIdentity = new Map<string, Member>();
  for (const member of members) byIdentity.set(member.announcement.identity, member);
  byIdentity.set(own, self);
  const nodes = [...byIdentity.values()]
    .filter(({ state }) => state === 'alive' || state === 'suspect')
    .map((member) => claimantOf(member, own))
    .sort((a, b) => (a.identity < b.identity ? -1 : 1));
  const fixed = staticPeers
    .map(({ name, endpoint, mac, prefixes }): Claimant => {
      return { kind: 'static', identity: '', name, network, version: 0, mac, dataEndpoints: [endpoint], prefixes };
    })
    .sort((a, b) => compareText(sortKey(a), sortKey(b)));
  return [...nodes, ...fixed];
}

function claimantOf({ announcement, incarnation }: Member, own: string): Claimant {
  const { identity, name, network, mac, prefixes } = announcement;
  const kind = identity === own ? 'local' : 'gossip';
  const dataEndpoints = announcement.dataEndpoints.map(({ endpoint }) => endpoint);
  const version = kind === 'local' ? 0 : incarnation;
  return { kind, identity, name, network, version, mac, dataEndpoints, prefixes };
}

/** Ordered, and each only once. */
function inOrder(prefixes: readonly Prefix[]): Prefix[] {
  const sorted = [...prefixes].sort(comparePrefixes);
  return sorted.filter((prefix, index) => index === 0 || comparePrefixes(sorted[index - 1]!, prefix) !== 0);
}

function sortKey({ name, dataEndpoints, mac }: Claimant): string {
  return [name, ...dataEndpoints.map(formatEndpoint), formatMacAddress(mac)].join(' ');
}

function compareText(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1;
}

function describe({ kind, identity, name }: Claimant): string {
  return kind === 'static' ? `static peer ${name}` : `node ${name} (${identity})`;
}
