/**
 * From what gossip and configuration say to what the workers forward by.
 *
 * Holds the resolved routes, with the time since when each is in use, numbers the peers, and hands every change to the
 * dataplane as one whole state.
 */
import type { ForwardingPeer, ForwardingState } from '../dataplane/forwarding-state.ts';
import type { Announcement, Member } from '../membership/announcement.ts';
import { type Refusal, type ResolvedRoute, resolveRoutes, type StaticPeer } from '../routing/resolve-routes.ts';
import { type Endpoint, formatEndpoint, formatMacAddress, type MacAddress } from '../wire/address.ts';
import { formatPrefix, type Prefix } from '../wire/prefix.ts';
import type { Notice, Peer, Route } from './api.ts';
import { PeerNumbers } from './peer-numbers.ts';

export interface OverlayRoutesOptions {
  readonly clusterPrefixes: readonly Prefix[];
  readonly staticPeers: readonly StaticPeer[];
  /** Overlay MTU of this node, in bytes: the most that any peer is sent. */
  readonly mtuBytes: number;
  /** Wall clock, in ms since 1970. */
  readonly wallClockMs: () => number;
  /** Called with every new state, at once. */
  readonly publish: (state: ForwardingState) => void;
}

/** A peer whose traffic is forwarded and accepted. */
interface ActivePeer {
  readonly key: string;
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
  #endpoints: ReadonlyMap<string, Endpoint> = new Map();

  constructor(options: OverlayRoutesOptions) {
    this.#options = options;
    this.#startedMs = options.wallClockMs();
  }

  /** Takes the members as gossip sees them now: this node, and the others. */
  update(self: Member, others: readonly Member[]): void {
    const { clusterPrefixes, staticPeers } = this.#options;
    this.#members = others;
    const resolved = resolveRoutes({ self, members: others, staticPeers, clusterPrefixes });
    this.#routes = resolved.routes;
    this.#refusals = resolved.refusals;
    this.#noteTimes();
    this.#options.publish(this.#forwardingState(self.announcement.mac));
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
    return this.#refusals.map(({ code, message }) => ({ code, message }));
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
      mtuBytes: this.#options.mtuBytes,
      version: '',
      capabilities: [],
      since: isoTime(this.#startedMs),
      refusals: this.#refusalsOf('', peer.name),
    }));
    return [...gossip, ...fixed].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  }

  #refusalsOf(identity: string, name: string): string[] {
    return this.#refusals
      .filter((refusal) => refusal.identity === identity && refusal.name === name)
      .map((refusal) => refusal.message);
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
    const peers = active.map((peer): ForwardingPeer => ({
      index: this.#numbers.of(peer.key),
      endpoint: peer.endpoint,
      mac: peer.mac,
      mtuBytes: Math.min(peer.mtuBytes, this.#options.mtuBytes),
    }));
    const routes = this.#routes.map((route) => ({
      prefix: route.prefix,
      peer: route.owner.kind === 'local' ? 0 : this.#numbers.of(keyOf(route)),
    }));
    return { mac, peers, routes };
  }

  /** Whoever owns at least one route. A node whose every claim is refused is no peer: nothing may come from it. */
  #activePeers(): ActivePeer[] {
    const owners = new Set(this.#routes.map(keyOf));
    const gossip = this.#members.flatMap(({ announcement }): ActivePeer[] => {
      const endpoint = dataEndpointOf(announcement);
      const { identity: key, mac, mtuBytes } = announcement;
      return endpoint === undefined ? [] : [{ key, endpoint, mac, mtuBytes }];
    });
    const fixed = this.#options.staticPeers.map((peer): ActivePeer => ({
      key: `static:${peer.name}`,
      endpoint: peer.endpoint,
      mac: peer.mac,
      mtuBytes: this.#options.mtuBytes,
    }));
    return [...gossip, ...fixed].filter((peer) => owners.has(peer.key));
  }
}

/** The gear that this version speaks. */
const GEAR = 'userspace';

function dataEndpointOf(announcement: Announcement): Endpoint | undefined {
  return announcement.dataEndpoints.find(({ gear }) => gear === GEAR)?.endpoint;
}

function keyOf({ owner }: ResolvedRoute): string {
  return owner.kind === 'static' ? `static:${owner.name}` : owner.identity;
}

function sinceKey(route: ResolvedRoute): string {
  return `${formatPrefix(route.prefix)} ${keyOf(route)}`;
}

function formatOptional(endpoint: Endpoint | undefined): string {
  return endpoint === undefined ? '' : formatEndpoint(endpoint);
}

function isoTime(atMs: number): string {
  return new Date(atMs).toISOString();
}
