/**
 * The paths to all peers: a search for each, numbers for their probes, and who is looked at how closely.
 *
 *     peers, answers, traffic ──> PathTable ──> probes to send, path MTU, round trip and loss of each peer
 *
 * Peers with traffic are looked at each second. Of the others eight at a time have their turn, so that the cost of looking
 * does not grow with the cluster. A path through a relay is looked at as closely as whoever chooses relays wants it.
 */
import type { Clock } from '../env/clock.ts';
import type { Random } from '../env/random.ts';
import { type Attention, type PathPhase, PathSearch } from './path-search.ts';
import { Rotation } from './rotation.ts';

/** A peer that answers probes, or a way to it through another. */
export interface ProbedPeer {
  /** Its number in the forwarding state. */
  readonly peer: number;
  /** Where it is, in any form: with another place begins another path, of which nothing is known. */
  readonly place: string;
  /** Largest inner packet that both nodes could take, in bytes. */
  readonly ceilingBytes: number;
  /** Between an inner packet and the outer one, in bytes. */
  readonly overheadBytes: number;
  /** Of a way through a relay: the number of the peer at its end. */
  readonly target?: number;
}

/** What is known of a path. */
export interface PathState {
  /** Largest inner packet that passes to the peer, as far as is known, in bytes. */
  readonly mtuBytes: number;
  /** There and back, in ms; `undefined` before the first answer. */
  readonly roundTripMs: { readonly smoothed: number; readonly min: number } | undefined;
  /** Share of the last probes, or of their answers, that was lost: 0 to 1; `null` before the first. See `LossWindow.shares`. */
  readonly lossRatio: number | null;
  /** Of it, what was lost on the way to the peer, and of the rest what was lost on the way back; `null` if that is not known. */
  readonly lossOutRatio: number | null;
  readonly lossInRatio: number | null;
  /** Of how many probes that is, 100 at most. */
  readonly probes: number;
  readonly phase: PathPhase;
}

/** How a path does at the moment. */
export interface PathHealth {
  /** For how long nothing has come back for what was sent, in ms. */
  readonly silentMs: number;
  /** For how long, in ms, and how often in a row something has come back. */
  readonly answeringMs: number;
  readonly answeredRounds: number;
  /** Smoothed; `undefined` if nothing ever came back. */
  readonly roundTripMs: number | undefined;
  /** As in {@link PathState}, and of how many probes. */
  readonly lossRatio: number;
  readonly probes: number;
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
  /** Called four times a second, and at the first answer over a way through a relay. */
  readonly onLook?: () => void;
}

/**
 * How long a peer is left alone at first, in ms. It may not know this node yet: gossip told us of it earlier than it of us,
 * and it would drop the probe as one of a stranger.
 */
export const FIRST_PROBE_DELAY_MS = 500;
/** How often {@link PathTableOptions.onLook} is called, in ms, and after how many times is looked whether there is traffic. */
const LOOK_INTERVAL_MS = 250;
const LOOKS_PER_TRAFFIC = 2;
/** How long a peer counts as one with traffic after the last packet, in ms: longer than most pauses of a conversation. */
const TRAFFIC_HOLD_MS = 5_000;
/** How long a turn of peers without traffic lasts, in ms: long enough to find out what is wrong, if something is. */
const TURN_MS = 10_000;
/** Probes of which is remembered whom they were for, a power of two: more than are ever awaited at a time. */
const REMEMBERED_PROBES = 16_384;

interface Entry {
  readonly place: string;
  readonly target: number | undefined;
  readonly search: PathSearch;
  traffic: number;
  lastTrafficMs: number;
  /** Whether that is not long ago. */
  isBusy: boolean;
  /** It may be probed: see {@link FIRST_PROBE_DELAY_MS}. */
  isReady: boolean;
  /** What is asked for in place of the attention that it has by its traffic. */
  wanted: Attention | undefined;
}

/** Driven by its methods and the clock alone. */
export class PathTable {
  readonly #options: PathTableOptions;
  readonly #entries = new Map<number, Entry>();
  readonly #rotation: Rotation;
  /** Begins anywhere: a probe of an earlier run of this node must not be answered for one of this. */
  #sequence: number;
  /** Whom the last probes were for, by the low bits of their numbers. */
  readonly #probed = new Uint16Array(REMEMBERED_PROBES);
  #turnAtMs = 0;
  #run = 0;

  constructor(options: PathTableOptions) {
    this.#options = options;
    this.#rotation = new Rotation(options.random);
    this.#sequence = options.random.uint32();
  }

  /** Begins to look at traffic. */
  start(): void {
    this.#turnAtMs = this.#options.clock.nowMs() + TURN_MS;
    this.#lookLater(++this.#run, 1);
  }

  /** Sends nothing any more, and forgets all peers. */
  stop(): void {
    this.#run++;
    this.update([]);
  }

  /** These are the peers now. The search for a new one begins when it has traffic, or when it is its turn: soon, if they are few. */
  update(peers: readonly ProbedPeer[]): void {
    const places = new Map(peers.map(({ peer, place }) => [peer, place]));
    for (const [peer, { place, search }] of this.#entries) {
      if (places.get(peer) === place) continue;
      search.stop();
      this.#entries.delete(peer);
      this.#rotation.delete(peer);
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
    losses.forgetOld(this.#options.clock.nowMs());
    const smoothed = roundTrip.smoothedMs;
    const roundTripMs = smoothed === undefined ? undefined : { smoothed, min: roundTrip.minMs };
    const { ratio: lossRatio, outRatio: lossOutRatio, backRatio: lossInRatio, probes } = losses.shares;
    return { mtuBytes, roundTripMs, lossRatio, lossOutRatio, lossInRatio, probes, phase };
  }

  /** How the path to a peer does; `undefined` for one that is not probed. */
  healthOf(peer: number): PathHealth | undefined {
    const search = this.#entries.get(peer)?.search;
    if (search === undefined) return undefined;
    const nowMs = this.#options.clock.nowMs();
    const { liveness, losses, roundTrip } = search;
    losses.forgetOld(nowMs);
    return {
      silentMs: liveness.silentMs(nowMs),
      answeringMs: liveness.answeringMs(nowMs),
      answeredRounds: liveness.answeredRounds,
      roundTripMs: roundTrip.smoothedMs,
      lossRatio: losses.ratio ?? 0,
      probes: losses.probes,
    };
  }

  /** Whether a peer has traffic, or its turn. */
  isWatched(peer: number): boolean {
    const entry = this.#entries.get(peer);
    return entry !== undefined && entry.isReady && this.#attentionByTraffic(peer, entry) !== 'none';
  }

  /** Has a path looked at this closely, whether there is traffic or not; `undefined`: as its traffic says. */
  want(peer: number, attention: Attention | undefined): void {
    const entry = this.#entries.get(peer);
    if (entry === undefined || entry.wanted === attention) return;
    entry.wanted = attention;
    this.#attend(peer, entry);
  }

  /** Sends one probe that somebody asks for; its number, or `undefined` for a peer that is not probed. */
  probe(peer: number, sizeBytes: number): number | undefined {
    return this.#entries.get(peer)?.search.probe(sizeBytes);
  }

  /**
   * A probe was answered.
   *
   * @param requestsSeen how many probes the peer says to have seen that came straight from this node, if it does.
   */
  answered(sequence: number, roundTripMs: number, requestsSeen?: number): void {
    const entry = this.#entryOf(sequence);
    if (entry === undefined) return;
    if (entry.target === undefined) {
      entry.search.answered(sequence >>> 0, roundTripMs, requestsSeen);
      return;
    }
    const isFirst = entry.search.roundTrip.smoothedMs === undefined;
    entry.search.answered(sequence >>> 0, roundTripMs);
    // Somebody waits for that.
    if (isFirst) this.#options.onLook?.();
    if (requestsSeen !== undefined) this.#entries.get(entry.target)?.search.heard(requestsSeen);
  }

  /** This node's own kernel refused a probe for its size. */
  refused(sequence: number): void {
    this.#entryOf(sequence)?.search.refused(sequence >>> 0);
  }

  #entryOf(sequence: number): Entry | undefined {
    if ((this.#sequence - sequence) >>> 0 >= REMEMBERED_PROBES) return undefined;
    return this.#entries.get(this.#probed[sequence & (REMEMBERED_PROBES - 1)]!);
  }

  #add({ peer, place, target, ceilingBytes, overheadBytes }: ProbedPeer): void {
    const { clock, send, traffic, onChange } = this.#options;
    const search = new PathSearch({
      clock,
      ceilingBytes,
      overheadBytes,
      send: (sizeBytes) => {
        this.#sequence = (this.#sequence + 1) >>> 0;
        this.#probed[this.#sequence & (REMEMBERED_PROBES - 1)] = peer;
        send(peer, sizeBytes, this.#sequence);
        return this.#sequence;
      },
      onChange,
    });
    const entry: Entry = {
      place,
      target,
      search,
      traffic: traffic(peer),
      lastTrafficMs: -Infinity,
      isBusy: false,
      isReady: target !== undefined,
      wanted: undefined,
    };
    this.#entries.set(peer, entry);
    if (target !== undefined) return;
    this.#rotation.add(peer);
    clock.after(FIRST_PROBE_DELAY_MS, () => {
      if (this.#entries.get(peer) !== entry) return;
      entry.isReady = true;
      this.#attend(peer, entry);
    });
  }

  #lookLater(run: number, looks: number): void {
    this.#options.clock.after(LOOK_INTERVAL_MS, () => {
      if (run !== this.#run) return;
      if (looks % LOOKS_PER_TRAFFIC === 0) this.#lookAtTraffic();
      this.#options.onLook?.();
      this.#lookLater(run, looks + 1);
    });
  }

  #lookAtTraffic(): void {
    const nowMs = this.#options.clock.nowMs();
    if (nowMs >= this.#turnAtMs) {
      this.#turnAtMs = nowMs + TURN_MS;
      this.#rotation.turn();
    }
    for (const [peer, entry] of this.#entries) {
      if (entry.target !== undefined) continue;
      const traffic = this.#options.traffic(peer);
      if (traffic !== entry.traffic) entry.lastTrafficMs = nowMs;
      entry.traffic = traffic;
      this.#setBusy(peer, entry, nowMs - entry.lastTrafficMs < TRAFFIC_HOLD_MS);
      this.#attend(peer, entry);
    }
  }

  /** Those with traffic need no turn. */
  #setBusy(peer: number, entry: Entry, isBusy: boolean): void {
    if (isBusy === entry.isBusy) return;
    entry.isBusy = isBusy;
    if (isBusy) this.#rotation.delete(peer);
    else this.#rotation.add(peer);
  }

  #attend(peer: number, entry: Entry): void {
    if (entry.isReady) entry.search.setAttention(entry.wanted ?? this.#attentionByTraffic(peer, entry));
  }

  #attentionByTraffic(peer: number, { isBusy }: Entry): Attention {
    if (isBusy) return 'busy';
    return this.#rotation.has(peer) ? 'idle' : 'none';
  }
}
