/**
 * The paths to all peers: a search for each, numbers for their probes, and who has traffic.
 *
 *     peers, answers, traffic ──> PathTable ──> probes to send, path MTU, round trip and loss of each peer
 */
import type { Clock } from '../env/clock.ts';
import type { Random } from '../env/random.ts';
import { type PathPhase, PathSearch } from './path-search.ts';

/** A peer that answers probes. */
export interface ProbedPeer {
  /** Its number in the forwarding state. */
  readonly peer: number;
  /** Where it is, in any form: with another place begins another path, of which nothing is known. */
  readonly place: string;
  /** Largest inner packet that both nodes could take, in bytes. */
  readonly ceilingBytes: number;
  /** Between an inner packet and the outer one, in bytes. */
  readonly overheadBytes: number;
}

/** What is known of a path. */
export interface PathState {
  /** Largest inner packet that passes to the peer, as far as is known, in bytes. */
  readonly mtuBytes: number;
  /** There and back, in ms; `undefined` before the first answer. */
  readonly roundTripMs: { readonly smoothed: number; readonly min: number } | undefined;
  /** Share of the last probes, or of their answers, that was lost: 0 to 1; `null` before the first. */
  readonly lossRatio: number | null;
  readonly phase: PathPhase;
}

export interface PathTableOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** Sends a probe of `sizeBytes` bytes, counted from the inner IP header. */
  readonly send: (peer: number, sizeBytes: number, sequence: number) => void;
  /** Any number that changes when packets of pods are sent to the peer. */
  readonly traffic: (peer: number) => number;
  /** Called at once when the path MTU of a peer changed. */
  readonly onChange: () => void;
}

/**
 * How long a peer is left alone at first, in ms. It may not know this node yet: gossip told us of it earlier than it of us,
 * and it would drop the probe as one of a stranger.
 */
export const FIRST_PROBE_DELAY_MS = 500;
/** How often is looked whether there is traffic, in ms. */
const TRAFFIC_INTERVAL_MS = 500;
/** How long a peer counts as one with traffic after the last packet, in ms: longer than most pauses of a conversation. */
const TRAFFIC_HOLD_MS = 5_000;

interface Entry {
  readonly place: string;
  readonly search: PathSearch;
  traffic: number;
  lastTrafficMs: number;
}

/** Driven by its methods and the clock alone. */
export class PathTable {
  readonly #options: PathTableOptions;
  readonly #entries = new Map<number, Entry>();
  /** Begins anywhere: a probe of an earlier run of this node must not be answered for one of this. */
  #sequence: number;
  #run = 0;

  constructor(options: PathTableOptions) {
    this.#options = options;
    this.#sequence = options.random.uint32();
  }

  /** Begins to look at traffic. */
  start(): void {
    this.#lookLater(++this.#run);
  }

  /** Sends nothing any more, and forgets all peers. */
  stop(): void {
    this.#run++;
    this.update([]);
  }

  /** These are the peers now. The search for a new one begins soon. */
  update(peers: readonly ProbedPeer[]): void {
    const places = new Map(peers.map(({ peer, place }) => [peer, place]));
    for (const [peer, { place, search }] of this.#entries) {
      if (places.get(peer) === place) continue;
      search.stop();
      this.#entries.delete(peer);
    }
    for (const peer of peers) {
      const known = this.#entries.get(peer.peer);
      if (known === undefined) this.#add(peer);
      else known.search.setCeiling(peer.ceilingBytes);
    }
  }

  /** What is known of the path to a peer; `undefined` for one that is not probed. */
  stateOf(peer: number): PathState | undefined {
    const search = this.#entries.get(peer)?.search;
    if (search === undefined) return undefined;
    const { mtuBytes, phase, roundTrip, losses } = search;
    const smoothed = roundTrip.smoothedMs;
    const roundTripMs = smoothed === undefined ? undefined : { smoothed, min: roundTrip.minMs };
    return { mtuBytes, roundTripMs, lossRatio: losses.ratio, phase };
  }

  /** A probe to `peer` was answered. */
  answered(peer: number, sequence: number, roundTripMs: number): void {
    this.#entries.get(peer)?.search.answered(sequence >>> 0, roundTripMs);
  }

  /** This node's own kernel refused a probe for its size. */
  refused(peer: number, sequence: number): void {
    this.#entries.get(peer)?.search.refused(sequence >>> 0);
  }

  #add({ peer, place, ceilingBytes, overheadBytes }: ProbedPeer): void {
    const { clock, send, traffic, onChange } = this.#options;
    const search = new PathSearch({
      clock,
      ceilingBytes,
      overheadBytes,
      send: (sizeBytes) => {
        this.#sequence = (this.#sequence + 1) >>> 0;
        send(peer, sizeBytes, this.#sequence);
        return this.#sequence;
      },
      onChange,
    });
    this.#entries.set(peer, { place, search, traffic: traffic(peer), lastTrafficMs: -Infinity });
    this.#options.clock.after(FIRST_PROBE_DELAY_MS, () => {
      if (this.#entries.get(peer)?.search === search) search.start();
    });
  }

  #lookLater(run: number): void {
    this.#options.clock.after(TRAFFIC_INTERVAL_MS, () => {
      if (run !== this.#run) return;
      this.#lookAtTraffic();
      this.#lookLater(run);
    });
  }

  #lookAtTraffic(): void {
    const nowMs = this.#options.clock.nowMs();
    for (const [peer, entry] of this.#entries) {
      const traffic = this.#options.traffic(peer);
      if (traffic !== entry.traffic) entry.lastTrafficMs = nowMs;
      entry.traffic = traffic;
      entry.search.setActive(nowMs - entry.lastTrafficMs < TRAFFIC_HOLD_MS);
    }
  }
}
