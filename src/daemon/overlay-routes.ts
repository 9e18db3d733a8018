/**
 * From what gossip and configuration say to what the workers forward by.
 *
 * Holds the resolved routes, with the time since when each is in use, numbers the peers, and hands every change to the
 * dataplane as one whole state.
 */
import { OVERHEAD_BYTES } from '../dataplane/encapsulation.ts';
import type { ForwardingPeer, ForwardingState } from '../dataplane/forwarding-state.ts';
import type { PeerCount } from '../dataplane/peer-counters.ts';
import type { Announcement, Member } from '../membership/announcement.ts';
import type { ProbedPeer } from '../paths/path-table.ts';
import { type Refusal, type ResolvedRoute, resolveRoutes, type StaticPeer } from '../routing/resolve-routes.ts';
import { type Endpoint, formatEndpoint, formatMacAddress, type MacAddress } from '../wire/address.ts';
import { formatPrefix, type Prefix } from '../wire/prefix.ts';
import type { Notice, Peer, Route } from './api.ts';
import type { PathView } from './path-prober.ts';
import { PeerNumbers } from './peer-numbers.ts';

export interface OverlayRoutesOptions {
  readonly clusterPrefixes: readonly Prefix[];
  readonly staticPeers: readonly StaticPeer[];
  /** Overlay MTU of this node, in bytes: the most that any peer is sent. */
  readonly mtuBytes: number;
  /** Routes that the forwarding table holds. Nobody can fill it beyond that by announcing more. */
  readonly maxRoutes: number;
  /** Wall clock, in ms since 1970. */
  readonly wallClockMs: () => number;
  /** What was sent to the peer with this number so far. */
  readonly sentTo: (peer: number) => PeerCount;
  /** Finds out what the paths to other nodes carry; `undefined`: nobody does, and all is taken to be as announced. */
  readonly paths: PathView | undefined;
  /** Whether this node announces Remote Checksum Offload; it is used with those that do, too. */
  readonly remoteChecksum: boolean;
  /** Called with every new state, at once. */
  readonly publish: (state: ForwardingState) => void;
}

/** A peer whose traffic is forwarded and accepted. */
interface ActivePeer {
  readonly key: string;
  /** Whether it is weft, and answers probes. */
  readonly isProbed: boolean;
  readonly remoteChecksum: boolean;
  readonly endpoint: Endpoint;
  readonly mac: MacAddress;
  readonly mtuBytes: number;
}

export class OverlayRoutes {
  readonly #options: OverlayRoutesOptions;
  readonly #numbers = new PeerNumbers();
  readonly #sinceMs = new Map<string, number>();
  readonly #startedMs: number;
  #members: readonly Member[] = [];
  #routes: readonly ResolvedRoute[] = [];
  #refusals: readonly Refusal[] = [];
  #missingRoutes = 0;
  #endpoints: ReadonlyMap<string, Endpoint> = new Map();
  #mac: MacAddress | undefined;

  constructor(options: OverlayRoutesOptions) {
    this.#options = options;
    this.#startedMs = options.wallClockMs();
  }

  /** Takes the members as gossip sees them now: this node, and the others. */
  update(self: Member, others: readonly Member[]): void {
    const { clusterPrefixes, staticPeers } = this.#options;
    this.#members = others;
    const resolved = resolveRoutes({ self, members: others, staticPeers, clusterPrefixes });
    const unreachable = others.filter(isUnreachable).map(({ announcement }) => announcement);
    const identities = new Set(unreachable.map(({ identity }) => identity));
    const usable = resolved.routes.filter(({ owner }) => owner.kind !== 'gossip' || !identities.has(owner.identity));
    this.#routes = withinLimit(usable, this.#options.maxRoutes);
    this.#missingRoutes = usable.length - this.#routes.length;
    this.#refusals = [...resolved.refusals, ...unreachable.map(unreachableRefusal)];
    this.#noteTimes();
    this.#mac = self.announcement.mac;
    this.#options.publish(this.#forwardingState(this.#mac));
  }

  /** Has the workers forward by the path MTUs as they are now. */
  pathsChanged(): void {
    if (this.#mac !== undefined) this.#options.publish(this.#forwardingState(this.#mac));
  }

  /** Number of routes in use, this node's own included. */
  get routeCount(): number {
    return this.#routes.length;
  }

  /** Number of peers that traffic is exchanged with. */
  get peerCount(): number {
    return this.#endpoints.size;
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
    return this.#routes.map((route) => {
      const endpoint = this.#endpoints.get(keyOf(route));
      return {
        network: route.network,
        prefix: formatPrefix(route.prefix),
        node: route.owner.name,
        kind: route.owner.kind,
        origin: route.owner.identity,
        version: route.version,
        via: formatOptional(endpoint),
        since: isoTime(this.#sinceMs.get(sinceKey(route)) ?? this.#startedMs),
      };
    });
  }

  /**
   * Peers as the control API shows them, by name.
   *
   * @param memberClockOffsetMs what to add to a member's time to get wall-clock time.
   */
  peers(memberClockOffsetMs: number): Peer[] {
    const gossip = this.#members.map(({ announcement, state, sinceMs }): Peer => ({
      name: announcement.name,
      identity: announcement.identity,
      kind: 'gossip',
      state,
      endpoint: formatOptional(dataEndpointOf(announcement)),
      mac: formatMacAddress(announcement.mac),
      prefixes: announcement.prefixes.map(formatPrefix),
      mtuBytes: announcement.mtuBytes,
      version: announcement.version,
      capabilities: announcement.capabilities,
      since: isoTime(sinceMs + memberClockOffsetMs),
      ...this.#sentTo(announcement.identity),
      path: this.#pathTo(announcement.identity, announcement.mtuBytes),
      refusals: this.#refusalsOf(announcement.identity, announcement.name),
    }));
    const fixed = this.#options.staticPeers.map((peer): Peer => ({
      name: peer.name,
      identity: '',
      kind: 'static',
      state: 'static',
      endpoint: formatEndpoint(peer.endpoint),
      mac: formatMacAddress(peer.mac),
      prefixes: peer.prefixes.map(formatPrefix),
      mtuBytes: peer.mtuBytes ?? this.#options.mtuBytes,
      version: '',
      capabilities: [],
      since: isoTime(this.#startedMs),
      ...this.#sentTo(staticKey(peer)),
      path: this.#pathTo(staticKey(peer), peer.mtuBytes ?? this.#options.mtuBytes),
      refusals: this.#refusalsOf('', peer.name),
    }));
    return [...gossip, ...fixed].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  }

  #refusalsOf(identity: string, name: string): string[] {
    return this.#refusals
      .filter((refusal) => refusal.identity === identity && refusal.name === name)
      .map((refusal) => refusal.message);
  }

  #sentTo(key: string): { sentPackets: number; sentBytes: number } {
    const { packets, bytes } = this.#options.sentTo(this.#numbers.find(key));
    return { sentPackets: packets, sentBytes: bytes };
  }

  #pathTo(key: string, announcedMtuBytes: number): Peer['path'] {
    const state = this.#options.paths?.stateOf(this.#numbers.find(key));
    if (state === undefined) {
      const mtuBytes = Math.min(announcedMtuBytes, this.#options.mtuBytes);
      return { mtuBytes, roundTripMs: null, lossRatio: null, probing: 'off' };
    }
    const { mtuBytes, roundTripMs, lossRatio, phase } = state;
    const shown = roundTripMs && { smoothed: microseconds(roundTripMs.smoothed), min: microseconds(roundTripMs.min) };
    return { mtuBytes, roundTripMs: shown ?? null, lossRatio, probing: phase };
  }

  #noteTimes(): void {
    const keys = new Set(this.#routes.map(sinceKey));
    for (const key of this.#sinceMs.keys()) if (!keys.has(key)) this.#sinceMs.delete(key);
    const nowMs = this.#options.wallClockMs();
    for (const key of keys) if (!this.#sinceMs.has(key)) this.#sinceMs.set(key, nowMs);
  }

  #forwardingState(mac: MacAddress): ForwardingState {
    const active = this.#activePeers();
    this.#endpoints = new Map(active.map((peer) => [peer.key, peer.endpoint]));
    this.#numbers.keepOnly(new Set(this.#endpoints.keys()));
    const { paths } = this.#options;
    paths?.update(active.filter(({ isProbed }) => isProbed).map((peer) => this.#probed(peer)));
    const peers = active.map((peer): ForwardingPeer => {
      const index = this.#numbers.of(peer.key);
      const mtuBytes = paths?.stateOf(index)?.mtuBytes ?? Math.min(peer.mtuBytes, this.#options.mtuBytes);
      const { endpoint, mac: peerMac, remoteChecksum } = peer;
      return { index, endpoint, mac: peerMac, mtuBytes, remoteChecksum };
    });
    const routes = this.#routes.map((route) => ({
      prefix: route.prefix,
      peer: route.owner.kind === 'local' ? 0 : this.#numbers.of(keyOf(route)),
    }));
    return { mac, peers, routes };
  }

  #probed({ key, endpoint, mtuBytes }: ActivePeer): ProbedPeer {
    return {
      peer: this.#numbers.of(key),
      place: formatEndpoint(endpoint),
      ceilingBytes: Math.min(mtuBytes, this.#options.mtuBytes),
      overheadBytes: OVERHEAD_BYTES[endpoint.address.family],
    };
  }

  /** Whoever owns at least one route. A node whose every claim is refused is no peer: nothing may come from it. */
  #activePeers(): ActivePeer[] {
    const owners = new Set(this.#routes.map(keyOf));
    const gossip = this.#members.flatMap(({ announcement }): ActivePeer[] => {
      const endpoint = dataEndpointOf(announcement);
      const { identity: key, mac, mtuBytes, capabilities } = announcement;
      const remoteChecksum = this.#options.remoteChecksum && capabilities.includes(REMOTE_CHECKSUM);
      return endpoint === undefined ? [] : [{ key, isProbed: true, remoteChecksum, endpoint, mac, mtuBytes }];
    });
    const fixed = this.#options.staticPeers.map((peer): ActivePeer => ({
      key: staticKey(peer),
      isProbed: false,
      remoteChecksum: false,
      endpoint: peer.endpoint,
      mac: peer.mac,
      mtuBytes: peer.mtuBytes ?? this.#options.mtuBytes,
    }));
    return [...gossip, ...fixed].filter((peer) => owners.has(peer.key));
  }
}

/** Capability of a node that takes, from whoever has it, too, packets with VXLAN Remote Checksum Offload. */
export const REMOTE_CHECKSUM = 'remote-checksum';

/** The gear that this version speaks. */
const GEAR = 'userspace';

function dataEndpointOf(announcement: Announcement): Endpoint | undefined {
  return announcement.dataEndpoints.find(({ gear }) => gear === GEAR)?.endpoint;
}

/** All nodes resolve routes alike, whatever gear each of them speaks: its own part comes here. */
function isUnreachable({ announcement, state }: Member): boolean {
  const isLive = state === 'alive' || state === 'suspect';
  return isLive && announcement.dataEndpoints.length > 0 && dataEndpointOf(announcement) === undefined;
}

/** At most `limit` routes, in their order; of those of gossip the last ones are left out. */
function withinLimit(routes: readonly ResolvedRoute[], limit: number): readonly ResolvedRoute[] {
  if (routes.length <= limit) return routes;
  let room = limit - routes.filter(({ owner }) => owner.kind !== 'gossip').length;
  return routes.filter(({ owner }) => owner.kind !== 'gossip' || room-- > 0);
}

function unreachableRefusal({ identity, name, dataEndpoints }: Announcement): Refusal {
  const gears = dataEndpoints.map(({ gear }) => gear).join(', ');
  const message = `node ${name} (${identity}): its data path is ${gears}, and this node has only ${GEAR}`;
  return { identity, name, code: 'no-data-endpoint', message };
}

function keyOf({ owner }: ResolvedRoute): string {
  return owner.kind === 'static' ? staticKey(owner) : owner.identity;
}

function staticKey({ name }: { readonly name: string }): string {
  return `static:${name}`;
}

function sinceKey(route: ResolvedRoute): string {
  return `${formatPrefix(route.prefix)} ${keyOf(route)}`;
}

function formatOptional(endpoint: Endpoint | undefined): string {
  return endpoint === undefined ? '' : formatEndpoint(endpoint);
}

/** Digits beyond a microsecond mean nothing. */
function microseconds(ms: number): number {
  return Math.round(ms * 1_000) / 1_000;
}

function isoTime(atMs: number): string {
  return new Date(atMs).toISOString();
}
