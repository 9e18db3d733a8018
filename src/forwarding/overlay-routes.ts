/**
 * From what gossip and configuration say to what the workers forward by.
 *
 * Holds the resolved routes, with the time since when each is in use, numbers the peers, and hands every change to the
 * dataplane as one whole state.
 */
import { OVERHEAD_BYTES } from '../dataplane/encapsulation.ts';
import {
  equalForwardingStates,
  type ForwardingPeer,
  type ForwardingRoute,
  type ForwardingState,
} from '../dataplane/forwarding-state.ts';
import type { PeerCount } from '../dataplane/peer-counters.ts';
import type { Member } from '../membership/announcement.ts';
import type { MeasuredPath } from '../paths/path-report.ts';
import { ClaimWatch } from '../routing/claim-watch.ts';
import { longestMatch } from '../routing/longest-match.ts';
import { resolveRoutes } from '../routing/resolve-routes.ts';
import type { Refusal } from '../routing/refusal.ts';
import type { Resolution, ResolvedRoute } from '../routing/resolved-route.ts';
import type { StaticPeer } from '../routing/static-peer.ts';
import { RouteResolver } from '../routing/route-resolver.ts';
import { formatEndpoint, type IpAddress, type MacAddress } from '../wire/address.ts';
import type { Prefix } from '../wire/prefix.ts';
import { type ActivePeer, activePeers, isUnreachable, keyOf, unreachableRefusal } from './active-peers.ts';
import type { Notice, Peer, Route } from '../api/control-api.ts';
import type { ProbedPath, PathPeer, PathView } from './path-view.ts';
import { PeerNumbers } from './peer-numbers.ts';
import { viewPeers } from './peer-view.ts';
import { RelayedWays, type NamedWay } from './relayed-ways.ts';
import { RouteTimes } from './route-times.ts';
import { viewRoute } from './route-view.ts';

export interface OverlayRoutesOptions {
  readonly clusterPrefixes: readonly Prefix[];
  readonly staticPeers: readonly StaticPeer[];
  /** Overlay MTU of this node, in bytes: the most that any peer is sent. */
  readonly mtuBytes: number;
  /** Routes that the forwarding table holds. Nobody can fill it beyond that by announcing more. */
  readonly maxRoutes: number;
  /** Wall clock, in ms since 1970. */
  readonly wallClockMs: () => number;
  /** What was sent over the entry of the forwarding state with this number so far. */
  readonly sentTo: (peer: number) => PeerCount;
  /** Finds out what the paths to other nodes carry; `undefined`: nobody does, and all is taken to be as announced. */
  readonly paths: PathView | undefined;
  /** Whether this node announces Remote Checksum Offload; it is used with those that do, too. */
  readonly remoteChecksum: boolean;
  /** Whether this node passes on packets of others. */
  readonly relays: boolean;
  /** Called with every new state, at once; not with one by which workers would do the same as before. */
  readonly publish: (state: ForwardingState) => void;
  /** Called with the routes in use, in order of their prefixes, whenever they may have changed: after `publish`. */
  readonly onRoutes?: (routes: readonly ResolvedRoute[]) => void;
  /** Called with the ways through relays that are in use, by identity of the peer, after `publish`. */
  readonly onWays?: (ways: ReadonlyMap<string, NamedWay>, isPeer: (identity: string) => boolean) => void;
}

export class OverlayRoutes {
  readonly #options: OverlayRoutesOptions;
  readonly #numbers = new PeerNumbers();
  readonly #ways: RelayedWays;
  readonly #times = new RouteTimes();
  readonly #startedMs: number;
  readonly #claims = new ClaimWatch();
  #resolver: RouteResolver;
  #members: readonly Member[] = [];
  #routes: readonly ResolvedRoute[] = [];
  #refusals: readonly Refusal[] = [];
  #missingRoutes = 0;
  #peers: ReadonlyMap<string, ActivePeer> = new Map();
  #mac: MacAddress | undefined;
  /** Those who own a route. */
  #owners: readonly ResolvedRoute['owner'][] = [];
  /** The routes as workers need them, and the entry of the forwarding state that packets to each owner take. */
  #table: { readonly routes: readonly ForwardingRoute[]; readonly entries: readonly number[] } | undefined;
  #published: ForwardingState | undefined;

  constructor(options: OverlayRoutesOptions) {
    this.#options = options;
    this.#startedMs = options.wallClockMs();
    this.#resolver = new RouteResolver(options);
    this.#ways = new RelayedWays({ numbers: this.#numbers, mtuBytes: options.mtuBytes, sentTo: options.sentTo });
  }

  /**
   * Takes the members as gossip sees them now: this node, and the others. Cheap if they claim what they claimed before, however
   * many routes there are.
   */
  update(self: Member, others: readonly Member[]): void {
    const { isDecisive, versions } = this.#claims.update(self, others);
    this.#members = others;
    this.#mac = self.announcement.mac;
    if (isDecisive) this.#take(this.#usable(others, this.#resolver.resolve(self, others)));
    else if (versions.size > 0) this.#routes = this.#routes.map((route) => renewed(route, versions));
    this.#publish(this.#mac);
    if (isDecisive || versions.size > 0) this.#options.onRoutes?.(this.#routes);
  }

  /** As {@link update}, but nothing that was found out before counts. */
  repair(self: Member, others: readonly Member[]): void {
    this.#claims.forget();
    this.#resolver = new RouteResolver(this.#options);
    this.#published = undefined;
    this.update(self, others);
  }

  /** Routes in use, in order of their prefixes. */
  get inUse(): readonly ResolvedRoute[] {
    return this.#routes;
  }

  /** Whether the routes in use were made from just these members, besides this node. */
  isMadeFrom(others: readonly Member[]): boolean {
    return others.length === this.#members.length && others.every((member, index) => member === this.#members[index]);
  }

  /** Routes that would be in use if these were the members; nothing changes. */
  wouldUse(self: Member, others: readonly Member[]): readonly ResolvedRoute[] {
    const { clusterPrefixes, staticPeers } = this.#options;
    return this.#usable(others, resolveRoutes({ self, members: others, staticPeers, clusterPrefixes })).routes;
  }

  /** Has the workers forward by the path MTUs and over the ways as they are now. */
  pathsChanged(): void {
    if (this.#mac !== undefined) this.#publish(this.#mac);
  }

  /** What was sent to the peer with this number so far, whatever way it took. */
  sentTo(peer: number): PeerCount {
    const [direct, relayed] = [this.#options.sentTo(peer), this.#ways.sentTo(peer)];
    return { packets: direct.packets + relayed.packets, bytes: direct.bytes + relayed.bytes };
  }

  /**
   * Numbers of the ways to a peer, for whoever probes: the direct one, 0 if it is not in use, and the one through a relay, if
   * packets take it. @param key see `keyOf`
   */
  waysTo(key: string): { readonly direct: number; readonly relayed: { relay: string; peer: number } | undefined } {
    const direct = this.#numbers.find(key);
    const used = this.#ways.usedFor(direct);
    return { direct, relayed: used && { relay: used.relay.name, peer: used.peer } };
  }

  /** The paths to all peers that are probed, as far as they are known. */
  measuredPaths(): (MeasuredPath & ProbedPath)[] {
    const { paths } = this.#options;
    return [...this.#peers].flatMap(([identity, { endpoint, mtuBytes: announcedBytes }]) => {
      const peer = this.#numbers.find(identity);
      const state = paths?.stateOf(peer);
      return state === undefined ? [] : [{ identity, endpoint, announcedBytes, isDown: paths!.isDown(peer), ...state }];
    });
  }

  /** Number of routes in use, this node's own included. */
  get routeCount(): number {
    return this.#routes.length;
  }

  /** Number of peers that traffic is exchanged with. */
  get peerCount(): number {
    return this.#peers.size;
  }

  /** Claims that are refused, of this node and of others: conflicts that a person has to solve. */
  notices(): Notice[] {
    const refusals = this.#refusals.map(({ code, message }) => ({ code, message }));
    if (this.#missingRoutes === 0) return refusals;
    const message = `${this.#missingRoutes} routes are not in use: the forwarding table holds ${this.#options.maxRoutes}`;
    return [...refusals, { code: 'too-many-routes', message }];
  }

  /** Routes as the control API shows them, in order of their prefixes. */
  routes(): Route[] {
    return this.#routes.map((route, index) => this.#view(route, index));
  }

  /** The route that packets to `address` take, the one with the longest prefix, if there is any. */
  routeTo(address: IpAddress): Route | undefined {
    const index = longestMatch(this.#routes, address);
    return index === -1 ? undefined : this.#view(this.#routes[index]!, index);
  }

  /** Names behind the numbers of the forwarding state: of peers, and of ways to them, with the relay in between. */
  entryNames(): Map<number, { readonly name: string; readonly relay: string }> {
    const names = new Map([...this.#peers].map(([key, { name }]) => [this.#numbers.find(key), { name, relay: '' }]));
    for (const { peer, target, relay } of this.#ways.probed()) {
      names.set(peer, { name: names.get(target)?.name ?? '', relay: names.get(relay)?.name ?? '' });
    }
    return names;
  }

  /**
   * Peers as the control API shows them, by name.
   *
   * @param memberClockOffsetMs what to add to a member's time to get wall-clock time.
   */
  peers(memberClockOffsetMs: number): Peer[] {
    const { staticPeers, mtuBytes, paths } = this.#options;
    return viewPeers(this.#members, staticPeers, {
      mtuBytes,
      memberClockOffsetMs,
      startedMs: this.#startedMs,
      factsOf: (key, identity, name) => {
        const number = this.#numbers.find(key);
        const used = this.#ways.usedFor(number);
        return {
          sent: this.sentTo(number),
          direct: paths?.stateOf(number),
          relayed: used && { relay: used.relay.name, path: paths?.stateOf(used.peer) },
          refusals: this.#refusalsOf(identity, name),
        };
      },
    });
  }

  #view(route: ResolvedRoute, index: number): Route {
    const key = keyOf(route);
    const relay = this.#ways.usedFor(this.#numbers.find(key))?.relay;
    return viewRoute(route, this.#times.sinceMs(index), this.#peers.get(key), relay);
  }

  #take({ routes, refusals, missing }: UsableRoutes): void {
    this.#routes = routes;
    this.#refusals = refusals;
    this.#missingRoutes = missing;
    this.#owners = [...new Set(routes.map(({ owner }) => owner))];
    this.#table = undefined;
    this.#times.update(routes, this.#options.wallClockMs());
  }

  /** Leaves out what this node cannot use. */
  #usable(others: readonly Member[], resolved: Resolution): UsableRoutes {
    const unreachable = others.filter(isUnreachable).map(({ announcement }) => announcement);
    const identities = new Set(unreachable.map(({ identity }) => identity));
    const usable =
      identities.size === 0
        ? resolved.routes
        : resolved.routes.filter(({ owner }) => owner.kind !== 'gossip' || !identities.has(owner.identity));
    const routes = withinLimit(usable, this.#options.maxRoutes);
    const refusals = [...resolved.refusals, ...unreachable.map(unreachableRefusal)];
    return { routes, refusals, missing: usable.length - routes.length };
  }

  #refusalsOf(identity: string, name: string): string[] {
    return this.#refusals
      .filter((refusal) => refusal.identity === identity && refusal.name === name)
      .map((refusal) => refusal.message);
  }

  #publish(mac: MacAddress): void {
    const state = this.#forwardingState(mac);
    if (this.#published === undefined || !equalForwardingStates(this.#published, state)) {
      this.#options.publish(state);
      this.#published = state;
    }
    this.#options.onWays?.(this.#ways.inUse(), (identity) => this.#peers.has(identity));
  }

  #forwardingState(mac: MacAddress): ForwardingState {
    const { staticPeers, paths, relays } = this.#options;
    const active = activePeers(this.#members, staticPeers, new Set(this.#owners.map(ownerKey)), this.#options);
    this.#peers = new Map(active.map((peer) => [peer.key, peer]));
    this.#numbers.keepOnly(new Set([...this.#peers.keys(), ...this.#ways.keys]));
    const numbered = new Map(active.map((peer) => [this.#numbers.of(peer.key), peer]));
    this.#updatePaths(numbered);
    const mtuOf = (peer: number, mtuBytes: number): number =>
      paths?.stateOf(peer)?.mtuBytes ?? Math.min(mtuBytes, this.#options.mtuBytes);
    const peers = [...numbered].map(([index, peer]): ForwardingPeer => {
      const { endpoint, mac: peerMac, remoteChecksum, relays: mayRelay, isNode: mayAskRelay } = peer;
      const mtuBytes = mtuOf(index, peer.mtuBytes);
      return { index, endpoint, mac: peerMac, mtuBytes, remoteChecksum, mayRelay, mayAskRelay };
    });
    return { mac, peers: [...peers, ...this.#ways.entries(mtuOf)], relays, routes: this.#routesOfWorkers() };
  }

  /** The same array as before, unless a route or a way to its owner has changed. */
  #routesOfWorkers(): readonly ForwardingRoute[] {
    const entries = this.#owners.map((owner) => this.#entryFor(owner));
    const before = this.#table;
    if (before !== undefined && entries.every((entry, index) => entry === before.entries[index])) return before.routes;
    const entryOf = new Map(this.#owners.map((owner, index) => [owner, entries[index]!]));
    const routes = this.#routes.map(({ prefix, owner }) => ({ prefix, peer: entryOf.get(owner)! }));
    this.#table = { routes, entries };
    return routes;
  }

  /** Tells whoever probes about the peers, and numbers the ways that are to be probed for that. */
  #updatePaths(peers: ReadonlyMap<number, ActivePeer>): void {
    const { paths } = this.#options;
    if (paths === undefined) return;
    const probed = [...peers].filter(([, { isNode }]) => isNode);
    paths.update(
      probed.map(([number, peer]) => this.#probed(number, peer)),
      (ways) => {
        this.#ways.update(ways, peers);
        return this.#ways.probed();
      },
    );
  }

  #probed(number: number, { endpoint, mtuBytes, isAlive, relays, badTo }: ActivePeer): PathPeer {
    return {
      peer: number,
      place: formatEndpoint(endpoint),
      ceilingBytes: Math.min(mtuBytes, this.#options.mtuBytes),
      overheadBytes: OVERHEAD_BYTES[endpoint.address.family],
      isAlive,
      relays,
      badTo: badTo.map((key) => this.#numbers.find(key)),
    };
  }

  /** The entry of the forwarding state that packets to whoever owns a route take. */
  #entryFor(owner: ResolvedRoute['owner']): number {
    if (owner.kind === 'local') return 0;
    const peer = this.#numbers.of(ownerKey(owner));
    return this.#ways.usedFor(peer)?.peer ?? peer;
  }
}

interface UsableRoutes {
  readonly routes: readonly ResolvedRoute[];
  readonly refusals: readonly Refusal[];
  /** How many more there would be if the forwarding table were larger. */
  readonly missing: number;
}

function ownerKey(owner: ResolvedRoute['owner']): string {
  return keyOf({ owner });
}

/** The same route, with the version that it has now. */
function renewed(route: ResolvedRoute, versions: ReadonlyMap<string, number>): ResolvedRoute {
  const version = versions.get(route.owner.identity);
  return version === undefined || version === route.version ? route : { ...route, version };
}

/** At most `limit` routes, in their order; of those of gossip the last ones are left out. */
function withinLimit(routes: readonly ResolvedRoute[], limit: number): readonly ResolvedRoute[] {
  if (routes.length <= limit) return routes;
  let room = limit - routes.filter(({ owner }) => owner.kind !== 'gossip').length;
  return routes.filter(({ owner }) => owner.kind !== 'gossip' || room-- > 0);
}
