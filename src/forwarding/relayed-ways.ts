/**
 * Ways through relays, as entries of the forwarding state: each has a number of its own, the relay's endpoint, and everything
 * else of the peer at its end.
 */
import { OVERHEAD_BYTES } from '../dataplane/encapsulation.ts';
import type { ForwardingPeer } from '../dataplane/forwarding-state.ts';
import type { PeerCount } from '../dataplane/peer-counters.ts';
import type { ProbedPeer } from '../paths/path-table.ts';
import type { RelayedWay } from '../paths/way-table.ts';
import { formatEndpoint } from '../wire/address.ts';
import type { ActivePeer } from './active-peers.ts';
import type { PeerNumbers } from './peer-numbers.ts';

/** A way, as a path that is probed. */
export interface ProbedWay extends ProbedPeer {
  readonly target: number;
  readonly relay: number;
}

/** The way to a peer that does not go straight. */
export interface NamedWay {
  readonly name: string;
  /** Name of the relay. */
  readonly relay: string;
}

/** A way that packets take. */
export interface UsedWay {
  /** Its number in the forwarding state. */
  readonly peer: number;
  readonly relay: ActivePeer;
}

export interface RelayedWaysOptions {
  /** Numbers of all peers. Those of ways are given out here. */
  readonly numbers: PeerNumbers;
  /** Overlay MTU of this node, in bytes. */
  readonly mtuBytes: number;
  readonly sentTo: (peer: number) => PeerCount;
}

const NOTHING: PeerCount = { packets: 0, bytes: 0 };

export class RelayedWays {
  readonly #options: RelayedWaysOptions;
  #ways: readonly (RelayedWay & { readonly peer: number; readonly key: string })[] = [];
  #used: ReadonlyMap<number, UsedWay> = new Map();
  #peers: ReadonlyMap<number, ActivePeer> = new Map();
  /** Of ways that are gone: what was sent over them, by the number of the peer at their end. */
  readonly #sentBefore = new Map<number, PeerCount>();

  constructor(options: RelayedWaysOptions) {
    this.#options = options;
  }

  /** These are the ways now, and these are the peers, by number: both ends of each way are among them. */
  update(ways: readonly RelayedWay[], peers: ReadonlyMap<number, ActivePeer>): void {
    const { numbers } = this.#options;
    const before = this.#ways;
    this.#peers = peers;
    this.#ways = ways.map((way) => {
      const key = `${peers.get(way.target)!.key} through ${peers.get(way.relay)!.key}`;
      return { ...way, key, peer: numbers.of(key) };
    });
    const used = this.#ways.filter(({ isUsed }) => isUsed);
    this.#used = new Map(used.map(({ target, relay, peer }) => [target, { peer, relay: peers.get(relay)! }]));
    const kept = new Set(this.#ways.map(({ peer }) => peer));
    for (const { target, peer } of before) if (!kept.has(peer)) this.#keepSent(target, peer);
    for (const target of this.#sentBefore.keys()) if (!peers.has(target)) this.#sentBefore.delete(target);
  }

  /** Keys that need to keep their numbers. */
  get keys(): readonly string[] {
    return this.#ways.map(({ key }) => key);
  }

  /** The ways, as paths to be probed. */
  probed(): ProbedWay[] {
    return this.#ways.map(({ peer, target, relay }) => {
      const [end, middle] = [this.#peers.get(target)!, this.#peers.get(relay)!];
      const place = `${formatEndpoint(end.endpoint)} through ${formatEndpoint(middle.endpoint)}`;
      const ceilingBytes = Math.min(end.mtuBytes, middle.mtuBytes, this.#options.mtuBytes);
      const overheadBytes = OVERHEAD_BYTES[middle.endpoint.address.family];
      return { peer, target, relay, place, ceilingBytes, overheadBytes };
    });
  }

  /** The ways, as workers need them. @param mtuOf path MTU by number, in bytes; its second argument if it is not known. */
  entries(mtuOf: (peer: number, mtuBytes: number) => number): ForwardingPeer[] {
    return this.#ways.map(({ peer, target, relay }) => {
      const { mac, remoteChecksum, mtuBytes } = this.#peers.get(target)!;
      const { endpoint } = this.#peers.get(relay)!;
      const via = { target, relay };
      const entry = { index: peer, endpoint, mac, mtuBytes: mtuOf(peer, mtuBytes), remoteChecksum };
      return { ...entry, mayRelay: false, mayAskRelay: false, via };
    });
  }

  /** The entry that packets to peer `target` take; `undefined`: its own. */
  usedFor(target: number): UsedWay | undefined {
    return this.#used.get(target);
  }

  /** The ways that packets take, by identity of the peer at their end. */
  inUse(): ReadonlyMap<string, NamedWay> {
    return new Map(
      [...this.#used].map(([target, { relay }]) => {
        const { key, name } = this.#peers.get(target)!;
        return [key, { name, relay: relay.name }];
      }),
    );
  }

  /** What was sent to peer `target` through relays. */
  sentTo(target: number): PeerCount {
    return this.#ways
      .filter((way) => way.target === target)
      .map(({ peer }) => this.#options.sentTo(peer))
      .reduce(plus, this.#sentBefore.get(target) ?? NOTHING);
  }

  #keepSent(target: number, peer: number): void {
    const sent = this.#options.sentTo(peer);
    if (sent.packets > 0) this.#sentBefore.set(target, plus(this.#sentBefore.get(target) ?? NOTHING, sent));
  }
}

function plus(a: PeerCount, b: PeerCount): PeerCount {
  return { packets: a.packets + b.packets, bytes: a.bytes + b.bytes };
}
