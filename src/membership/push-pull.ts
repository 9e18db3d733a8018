/** Exchanges of full state: at join, periodically, and with whoever seems lost. */
import type { Clock } from '../env/clock.ts';
import type { Random } from '../env/random.ts';
import type { GossipTransport } from '../env/transport.ts';
import { equalEndpoints, formatEndpoint, type Endpoint } from '../wire/address.ts';
import { drawIndex, jitter } from './draw.ts';
import type { MemberTable } from './member-table.ts';
import type { Parameters } from './parameters.ts';
import { ProbeOrder } from './probe-order.ts';

/** Exchanges of ours that may be under way at one time. */
const MAX_DIALS = 16;

/** Strangers who probe us are dialled at most this often: their address may be forged. */
const INTRODUCTION_INTERVAL_MS = 1_000;

/**
 * Time between exchanges with a random member, in ms. Beyond 32 nodes each doubling adds one interval, as in
 * memberlist: what is exchanged grows with the cluster.
 */
export function pushPullIntervalMs(parameters: Pick<Parameters, 'pushPullIntervalMs'>, clusterSize: number): number {
  return parameters.pushPullIntervalMs * (1 + Math.max(0, Math.ceil(Math.log2(clusterSize / 32))));
}

/** What push-pull needs. */
export interface PushPullOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly parameters: Parameters;
  readonly table: MemberTable;
  readonly transport: Pick<GossipTransport, 'exchange'>;
  readonly seeds: readonly Endpoint[];
  /** Where this node itself is reached: never dialled. */
  readonly ownEndpoint: () => Endpoint;
  /** Encodes everything this node knows. */
  readonly request: () => Uint8Array;
  /** Takes the other's state. */
  readonly onReply: (from: Endpoint, reply: Uint8Array) => void;
}

/**
 * Decides with whom to exchange. The timers are the owner's: {@link exchangeWithAnyone} and {@link redial} are called
 * periodically, {@link join} once at the start.
 */
export class PushPull {
  readonly #options: PushPullOptions;
  #seeds: readonly Endpoint[];
  /** Endpoints that are being dialled. */
  readonly #dialling = new Set<string>();
  readonly #redialOrder: ProbeOrder;
  #lastIntroductionMs = -Infinity;
  /** Outdates the attempts of an earlier {@link join}. */
  #joinNumber = 0;

  constructor(options: PushPullOptions) {
    this.#options = options;
    this.#seeds = options.seeds;
    this.#redialOrder = new ProbeOrder(options.random);
  }

  /** Dials all seeds, and again after ever longer times while nobody else is alive. */
  join(): void {
    this.#attemptJoin(++this.#joinNumber, this.#options.parameters.joinBackoffMs);
  }

  /** No attempt to join from now on. */
  stop(): void {
    this.#joinNumber++;
  }

  /** Other seeds from now on; whether they differ from those before. */
  setSeeds(seeds: readonly Endpoint[]): boolean {
    const before = this.#seeds;
    this.#seeds = seeds;
    return seeds.length !== before.length || seeds.some((seed, index) => !equalEndpoints(seed, before[index]!));
  }

  /** Exchanges with a random live member. */
  exchangeWithAnyone(): void {
    const others = this.#options.table.liveOthers();
    if (others.length === 0) return;
    this.#dial(others[drawIndex(this.#options.random, others.length)]!.announcement.gossipEndpoint);
  }

  /**
   * Dials one of the seeds that are not alive and the dead, in turn: so the sides of a partition find each other again.
   * Those who left are not sought.
   */
  redial(): void {
    const members = this.#options.table.members();
    const lost = new Map<string, Endpoint>();
    const seek = (endpoint: Endpoint): void => {
      const isAlive = members.some(
        ({ state, announcement }) => state === 'alive' && equalEndpoints(announcement.gossipEndpoint, endpoint),
      );
      if (!isAlive && !equalEndpoints(endpoint, this.#options.ownEndpoint()))
        lost.set(formatEndpoint(endpoint), endpoint);
    };
    for (const { state, announcement } of members) {
      if (state === 'dead') seek(announcement.gossipEndpoint);
    }
    for (const seed of this.#seeds) seek(seed);
    const next = this.#redialOrder.next([...lost.keys()].sort());
    if (next !== undefined) this.#dial(lost.get(next)!);
  }

  /** Somebody whom this node does not know, or believes dead, sent a message from there. */
  introduce(from: Endpoint): void {
    const nowMs = this.#options.clock.nowMs();
    if (nowMs - this.#lastIntroductionMs < INTRODUCTION_INTERVAL_MS) return;
    this.#lastIntroductionMs = nowMs;
    this.#dial(from);
  }

  #attemptJoin(joinNumber: number, backoffMs: number): void {
    const { clock, random, parameters, table } = this.#options;
    for (const seed of this.#seeds) this.#dial(seed);
    clock.after(jitter(random, backoffMs), () => {
      if (joinNumber !== this.#joinNumber || table.liveOthers().length > 0) return;
      this.#attemptJoin(joinNumber, Math.min(backoffMs * 1.5, parameters.maxJoinBackoffMs));
    });
  }

  #dial(endpoint: Endpoint): void {
    const { transport, request, onReply, ownEndpoint } = this.#options;
    const key = formatEndpoint(endpoint);
    if (equalEndpoints(endpoint, ownEndpoint())) return;
    if (this.#dialling.has(key) || this.#dialling.size >= MAX_DIALS) return;
    this.#dialling.add(key);
    transport.exchange(endpoint, request(), (reply) => {
      this.#dialling.delete(key);
      if (reply !== undefined) onReply(endpoint, reply);
    });
  }
}
