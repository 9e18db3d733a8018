/**
 * Resolves routes again and again, as members change: see {@link resolveRoutes} for what it decides.
 *
 *     members ──> claimants, kept from one time to the next ──> who stands ──> prefixes in order ──> who keeps which
 *
 * Most claimants are as they were, and hardly any two claim the same. So a claimant is made once, with its routes; and only where
 * prefixes of several overlap, which shows once all are in order, it is looked closely at who came first.
 */
import type { Announcement, Member } from '../membership/announcement.ts';
import { formatPrefix, prefixCovers, type Prefix } from '../wire/prefix.ts';
import { type Claimant, claimantOf, claimantsOfStatic, type ClaimedPrefix, compareClaims } from './claimant.ts';
import { ClaimedPrefixes } from './claimed-prefixes.ts';
import type { Refusal, RouteRefusalCode } from './refusal.ts';
import type { Resolution } from './resolved-route.ts';
import type { StaticPeer } from './static-peer.ts';

export interface RouteResolverOptions {
  readonly staticPeers: readonly StaticPeer[];
  readonly clusterPrefixes: readonly Prefix[];
}

interface KnownClaimant {
  readonly announcement: Announcement;
  readonly incarnation: number;
  readonly claimant: Claimant;
}

/** What each who stands has lost: a prefix, and who keeps what it overlaps. */
type Losses = ReadonlyMap<ClaimedPrefix, Claimant>;

const NO_LOSSES: Losses = new Map();

/** Routes of a claimant that is as it was are the same objects as before. */
export class RouteResolver {
  readonly #options: RouteResolverOptions;
  #known: ReadonlyMap<string, KnownClaimant> = new Map();

  constructor(options: RouteResolverOptions) {
    this.#options = options;
  }

  /** See {@link resolveRoutes}. `self` may be among the members. */
  resolve(self: Member, members: readonly Member[]): Resolution {
    const claimants = this.#claimantsInOrder(self, members);
    const { standing, refusals } = whoStands(claimants, self.announcement.network);
    const claims = [...standing].flatMap(({ prefixes, areAllInCluster }) =>
      areAllInCluster ? prefixes : prefixes.filter(({ isInCluster }) => isInCluster),
    );
    claims.sort(compareClaims);
    const losses = lossesOf(standing, contestedAmong(claims));
    const kept = losses.size === 0 ? claims : claims.filter((claim) => !losses.has(claim));
    return {
      routes: kept.map(({ route }) => route),
      refusals: claimants.flatMap((one) => refusals.get(one) ?? prefixRefusals(one, losses)),
    };
  }

  /** The order decides: who comes first keeps what is contested. */
  #claimantsInOrder(self: Member, members: readonly Member[]): Claimant[] {
    const { staticPeers, clusterPrefixes } = this.#options;
    const { network, identity: own } = self.announcement;
    const byIdentity = new Map<string, Member>();
    for (const member of members) byIdentity.set(member.announcement.identity, member);
    byIdentity.set(own, self);
    const known = new Map<string, KnownClaimant>();
    for (const [identity, { announcement, incarnation, state }] of byIdentity) {
      if (state === 'alive' || state === 'suspect') known.set(identity, this.#know(announcement, incarnation, own));
    }
    this.#known = known;
    const nodes = [...known.keys()].sort().map((identity) => known.get(identity)!.claimant);
    return [...nodes, ...claimantsOfStatic(staticPeers, network, clusterPrefixes)];
  }

  #know(announcement: Announcement, incarnation: number, own: string): KnownClaimant {
    const { identity } = announcement;
    const kind = identity === own ? 'local' : 'gossip';
    const before = this.#known.get(identity);
    const isSame = before?.announcement === announcement && before.incarnation === incarnation;
    if (isSame && before.claimant.kind === kind) return before;
    const claimant = claimantOf(announcement, incarnation, kind, this.#options.clusterPrefixes);
    return { announcement, incarnation, claimant };
  }
}

/** Who has its name, its MAC and its addresses to itself or came first, and what the others are told. */
function whoStands(
  claimants: readonly Claimant[],
  network: string,
): { standing: ReadonlySet<Claimant>; refusals: ReadonlyMap<Claimant, readonly Refusal[]> } {
  const names = new Map<string, Claimant>();
  const macs = new Map<string, Claimant>();
  const endpoints = new Map<string, Claimant>();
  const standing = new Set<Claimant>();
  const refusals = new Map<Claimant, readonly Refusal[]>();
  for (const claimant of claimants) {
    const { name, mac, addresses } = claimant;
    const refused = refusalsOf(claimant, network, { names, macs, endpoints });
    if (refused.length > 0) {
      refusals.set(claimant, refused);
      continue;
    }
    names.set(name, claimant);
    macs.set(mac, claimant);
    for (const address of addresses) endpoints.set(address, claimant);
    standing.add(claimant);
  }
  return { standing, refusals };
}

function refusalsOf(
  claimant: Claimant,
  network: string,
  taken: Readonly<Record<'names' | 'macs' | 'endpoints', ReadonlyMap<string, Claimant>>>,
): Refusal[] {
  const { name, mac, addresses } = claimant;
  if (claimant.network !== network)
    return [refusal(claimant, 'other-network', `its network ${claimant.network} is not ${network}`)];
  if (addresses.length === 0)
    return [refusal(claimant, 'no-data-endpoint', 'it announces no endpoint for its data path')];
  const refused: Refusal[] = [];
  const nameKeeper = taken.names.get(name);
  const macKeeper = taken.macs.get(mac);
  const contested = addresses.find((address) => taken.endpoints.has(address));
  if (nameKeeper)
    refused.push(refusal(claimant, 'name-taken', `name ${name} is kept by ${describe(nameKeeper)}`, nameKeeper));
  if (macKeeper)
    refused.push(refusal(claimant, 'mac-taken', `MAC address ${mac} is kept by ${describe(macKeeper)}`, macKeeper));
  if (contested !== undefined) {
    const keeper = taken.endpoints.get(contested)!;
    const problem = `underlay address ${contested} is kept by ${describe(keeper)}`;
    refused.push(refusal(claimant, 'endpoint-taken', problem, keeper));
  }
  return refused;
}

/**
 * Those of `claims`, which are in order, that overlap one of somebody else, and what they overlap with.
 *
 * Prefixes lie in each other or apart. So one that the first of a row covers is of that row, and the first that it does not cover
 * begins the next; no two rows overlap.
 */
function contestedAmong(claims: readonly ClaimedPrefix[]): ReadonlySet<ClaimedPrefix> {
  const contested = new Set<ClaimedPrefix>();
  for (let start = 0; start < claims.length;) {
    const { prefix, owner } = claims[start]!.route;
    let end = start + 1;
    let isContested = false;
    for (; end < claims.length && prefixCovers(prefix, claims[end]!.route.prefix); end++) {
      isContested ||= claims[end]!.route.owner !== owner;
    }
    if (isContested) for (const claim of claims.slice(start, end)) contested.add(claim);
    start = end;
  }
  return contested;
}

function lossesOf(standing: Iterable<Claimant>, contested: ReadonlySet<ClaimedPrefix>): Losses {
  if (contested.size === 0) return NO_LOSSES;
  const taken = new ClaimedPrefixes<Claimant>();
  const losses = new Map<ClaimedPrefix, Claimant>();
  for (const claimant of standing) {
    for (const claim of claimant.prefixes) {
      const keeper = contested.has(claim) ? taken.claim(claim.route.prefix, claimant) : undefined;
      if (keeper !== undefined) losses.set(claim, keeper);
    }
  }
  return losses;
}

function prefixRefusals(claimant: Claimant, losses: Losses): Refusal[] {
  if (claimant.areAllInCluster && losses.size === 0) return [];
  return claimant.prefixes.flatMap((claim) => {
    const keeper = losses.get(claim);
    if (claim.isInCluster && keeper === undefined) return [];
    const text = formatPrefix(claim.route.prefix);
    if (keeper === undefined) return [refusal(claimant, 'outside-cluster', `prefix ${text} lies in no cluster prefix`)];
    return [refusal(claimant, 'prefix-overlap', `prefix ${text} overlaps one of ${describe(keeper)}`, keeper)];
  });
}

function refusal(claimant: Claimant, code: RouteRefusalCode, problem: string, keeper?: Claimant): Refusal {
  const { identity, name } = claimant;
  const keeperFields = keeper && { keeper: { identity: keeper.identity, name: keeper.name } };
  return { identity, name, code, message: `${describe(claimant)}: ${problem}`, ...keeperFields };
}

function describe({ kind, identity, name }: Claimant): string {
  return kind === 'static' ? `static peer ${name}` : `node ${name} (${identity})`;
}
