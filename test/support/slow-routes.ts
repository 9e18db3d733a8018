/** Routes resolved the slow way: every claim is looked at in turn, and nothing is remembered. What it says is obviously right. */
import type { Member } from '../../src/membership/announcement.ts';
import type { Refusal, RouteRefusalCode } from '../../src/routing/refusal.ts';
import type { RouteClaims } from '../../src/routing/resolve-routes.ts';
import type { ResolvedRoute } from '../../src/routing/resolved-route.ts';
import {
  formatEndpoint,
  formatIpAddress,
  formatMacAddress,
  type Endpoint,
  type MacAddress,
} from '../../src/wire/address.ts';
import { comparePrefixes, formatPrefix, prefixCovers, prefixesOverlap, type Prefix } from '../../src/wire/prefix.ts';

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

/** See `resolveRoutes`. */
export function resolveSlowly(claims: RouteClaims): { routes: ResolvedRoute[]; refusals: Refusal[] } {
  const { self, clusterPrefixes } = claims;
  const names = new Map<string, Claimant>();
  const macs = new Map<string, Claimant>();
  const endpoints = new Map<string, Claimant>();
  const taken: { prefix: Prefix; claimant: Claimant }[] = [];
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
      // Of several, the one whose prefix comes first.
      const keeper = taken
        .filter((other) => other.claimant !== claimant && prefixesOverlap(other.prefix, prefix))
        .sort((a, b) => comparePrefixes(a.prefix, b.prefix))[0]?.claimant;
      if (keeper) {
        refuse('prefix-overlap', `prefix ${formatPrefix(prefix)} overlaps one of ${describe(keeper)}`, keeper);
        continue;
      }
      taken.push({ prefix, claimant });
      routes.push({ network, prefix, owner: { kind, identity, name }, version });
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
  return { kind, identity, name, network, version: incarnation, mac, dataEndpoints, prefixes };
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
