/**
 * One node, 0, and the ways to its peers in virtual time, over links that may fail in one direction or both. Everything else
 * is as in the daemon: ways through relays are numbered soon after they are asked for.
 */
import { FIRST_PROBE_DELAY_MS, PathTable } from '../../src/paths/path-table.ts';
import { type RelayedWay, WayTable } from '../../src/paths/way-table.ts';
import { ManualClock } from './manual-clock.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';

/** How soon the forwarding state follows, in ms. */
const PUBLISH_MS = 5;
/** Numbers of ways begin above those of peers. */
const FIRST_WAY = 10_000;
/** The node that looks. */
export const SELF = 0;

export interface SimulatedPeer {
  isAlive: boolean;
  relays: boolean;
  badTo: number[];
}

interface Link {
  /** Share that is lost. */
  loss: number;
  delayMs: number;
}

export class SimulatedWays {
  readonly clock = new ManualClock();
  readonly paths: PathTable;
  readonly ways: WayTable;
  /** Numbers are 1 and up. */
  readonly peers = new Map<number, SimulatedPeer>();
  /** Raised by hand, or all the time: see {@link converse}. */
  readonly traffic = new Map<number, number>();
  /** Probes that were sent, by peer, or by `target via relay`. */
  readonly probes = new Map<string, number>();
  /** What was published, as text, in order: `3 via 1`. */
  readonly history: string[] = [];
  readonly #random: SeededRandom;
  readonly #links = new Map<string, Link>();
  readonly #seen = new Map<number, number>();
  #numbered = new Map<number, RelayedWay & { readonly peer: number }>();
  #nextWay = FIRST_WAY;
  #isPublishing = false;

  constructor(peers: number, seed = 1) {
    this.#random = new SeededRandom(seed);
    this.paths = new PathTable({
      clock: this.clock,
      random: this.#random,
      send: (peer, _sizeBytes, sequence) => this.#carry(peer, sequence),
      traffic: (peer) => this.traffic.get(peer) ?? 0,
      onChange: () => this.#publishSoon(),
      onLook: () => this.ways.look(),
    });
    this.ways = new WayTable({ clock: this.clock, paths: this.paths, onChange: () => this.#publishSoon() });
    for (let peer = 1; peer <= peers; peer++) this.peers.set(peer, { isAlive: true, relays: true, badTo: [] });
    this.publish();
    this.paths.start();
    this.clock.advance(FIRST_PROBE_DELAY_MS);
  }

  /** The link from one node to another, in this direction only. */
  link(from: number, to: number): Link {
    const key = `${from}>${to}`;
    const known = this.#links.get(key) ?? { loss: 0, delayMs: 0.5 };
    this.#links.set(key, known);
    return known;
  }

  /** Everything between two nodes is lost from now on. */
  cut(a: number, b: number): void {
    for (const link of [this.link(a, b), this.link(b, a)]) link.loss = 1;
  }

  heal(a: number, b: number): void {
    for (const link of [this.link(a, b), this.link(b, a)]) link.loss = 0;
  }

  /** The relay through which packets go; `undefined`: they go straight. */
  relayTo(target: number): number | undefined {
    return [...this.#numbered.values()].find((way) => way.target === target && way.isUsed)?.relay;
  }

  /** Peers and ways are now as they are. */
  publish(): void {
    this.ways.update([...this.peers].map(([peer, facts]) => ({ peer, ...facts })));
    const before = [...this.#numbered.values()];
    const ways = this.ways.relayed().map((way) => {
      const known = before.find(({ target, relay }) => target === way.target && relay === way.relay);
      return { ...way, peer: known?.peer ?? this.#nextWay++ };
    });
    this.#numbered = new Map(ways.map((way) => [way.peer, way]));
    const path = { ceilingBytes: 1450, overheadBytes: 50 };
    const direct = [...this.peers.keys()].map((peer) => ({ peer, place: `${peer}`, ...path }));
    const relayed = ways.map((way) => ({ ...way, place: `${way.target} via ${way.relay}`, ...path }));
    this.paths.update([...direct, ...relayed]);
    this.ways.number(ways);
    const used = ways.filter(({ isUsed }) => isUsed).map(({ target, relay }) => `${target} via ${relay}`);
    const text = used.join(', ') || 'all straight';
    if (this.history.at(-1) !== text) this.history.push(text);
  }

  /** Lets time pass with a packet to `target` every 100 ms. */
  converse(target: number, durationMs: number): void {
    for (let passedMs = 0; passedMs < durationMs; passedMs += 100) {
      this.traffic.set(target, (this.traffic.get(target) ?? 0) + 1);
      this.clock.advance(100);
    }
  }

  /** As {@link converse}, until `condition` holds; how many ms that took, `undefined` beyond the limit. */
  converseUntil(target: number, condition: () => boolean, limitMs: number): number | undefined {
    for (let passedMs = 0; passedMs <= limitMs; passedMs += 100) {
      if (condition()) return passedMs;
      this.converse(target, 100);
    }
    return undefined;
  }

  /** Whether a packet of a pod gets there now, with luck. */
  arrives(target: number): boolean {
    const relay = this.relayTo(target);
    const hops = relay === undefined ? [SELF, target] : [SELF, relay, target];
    return hops.slice(1).every((to, index) => this.link(hops[index]!, to).loss < 1);
  }

  #publishSoon(): void {
    if (this.#isPublishing) return;
    this.#isPublishing = true;
    this.clock.after(PUBLISH_MS, () => {
      this.#isPublishing = false;
      this.publish();
    });
  }

  #carry(peer: number, sequence: number): void {
    const way = this.#numbered.get(peer);
    const target = way?.target ?? peer;
    const name = way === undefined ? `${peer}` : `${way.target} via ${way.relay}`;
    this.probes.set(name, (this.probes.get(name) ?? 0) + 1);
    const there = way === undefined ? [SELF, target] : [SELF, way.relay, target];
    const outMs = this.#pass(there);
    if (outMs === undefined) return;
    const seen = (this.#seen.get(target) ?? 0) + (way === undefined ? 1 : 0);
    this.#seen.set(target, seen);
    const backMs = this.#pass(there.toReversed());
    if (backMs === undefined) return;
    const tookMs = outMs + backMs;
    this.clock.after(tookMs, () => this.paths.answered(sequence, tookMs, seen === 0 ? undefined : seen));
  }

  /** How long a packet takes over these nodes; `undefined`: it is lost. */
  #pass(hops: readonly number[]): number | undefined {
    let tookMs = 0;
    for (let hop = 1; hop < hops.length; hop++) {
      const { loss, delayMs } = this.link(hops[hop - 1]!, hops[hop]!);
      if (this.#random.fraction() < loss) return undefined;
      tookMs += delayMs;
    }
    return tookMs;
  }
}
