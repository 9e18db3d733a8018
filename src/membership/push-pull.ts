/** With whom to exchange: at join, periodically, and with whoever seems lost. */
import type { Clock } from '../env/clock.ts';
import type { Random } from '../env/random.ts';
import type { GossipTransport } from '../env/transport.ts';
import { equalEndpoints, formatEndpoint, type Endpoint } from '../wire/address.ts';
import { drawIndex, drawSome, jitter } from './draw.ts';
import { LostNodes } from './lost-nodes.ts';
import type { MemberTable } from './member-table.ts';
import type { Parameters } from './parameters.ts';

/** Exchanges of ours that may be under way at one time. */
const MAX_DIALS = 16;

/**
 * So many seeds are dialled at once, the others after them. With one, a thousand nodes that start together take five times
 * as long to find each other.
 */
const SEEDS_AT_ONCE = 3;

/** A seed that has not answered after this time is not waited for any longer, in ms: the next is dialled, too. */
const SEED_PATIENCE_MS = 250;

/** One in so many members is much. */
const MUCH = 64;

/** After little that differed the next exchange comes so many times sooner than usual. */
const SOONER = 8;

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
  /** The first request of an exchange. */
  readonly request: () => Uint8Array;
  /** Takes the reply, and gives the second request, if there is one. */
  readonly onReply: (from: Endpoint, reply: Uint8Array) => Uint8Array | undefined;
  /** Takes the reply to that. */
  readonly onLastReply: (from: Endpoint, reply: Uint8Array) => void;
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
  readonly #lost: LostNodes;
  /** Exchanges that were begun, and those whose request or second request got no reply. */
  exchangesStarted = 0;
  exchangesFailed = 0;
  #lastIntroductionMs = -Infinity;
  /** How much the exchanges since the last {@link intervalMs} brought; at least 1 if they gave something. */
  #differed = 0;
  /** Outdates the attempts of an earlier {@link join}. */
  #joinNumber = 0;

  constructor(options: PushPullOptions) {
    this.#options = options;
    this.#seeds = options.seeds;
    this.#lost = new LostNodes(options.table);
  }

  /** Dials three seeds, then the others, and all again after ever longer times, while nobody else is alive. */
  join(): void {
    this.#attemptJoin(++this.#joinNumber, this.#options.parameters.joinBackoffMs);
  }

  /** Dials all seeds at once: they may know others than this node does. */
  rejoin(): void {
    for (const seed of this.#seeds) this.#dial(seed);
    this.join();
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

  /**
   * Time until the next exchange with a random member, in ms. As long as exchanges find much that differs they follow one
   * another quickly: after a start, or a partition. If they find little, which in a large and restless cluster they
   * always do, somewhat sooner than usual. Where all hold the same they are rare, and a digest long.
   */
  intervalMs(): number {
    const { parameters, table } = this.#options;
    const usualMs = pushPullIntervalMs(parameters, table.clusterSize());
    const differed = this.#differed;
    this.#differed = 0;
    if (differed === 0) return usualMs;
    const isMuch = differed * MUCH >= table.size;
    return isMuch ? parameters.firstPushPullMs : Math.max(parameters.firstPushPullMs, usualMs / SOONER);
  }

  /** Exchanges with a random live member. */
  exchangeWithAnyone(): void {
    const others = this.#options.table.liveOthers();
    if (others.length === 0) return;
    this.#dial(others[drawIndex(this.#options.random, others.length)]!.announcement.gossipEndpoint);
  }

  /**
   * Dials one of the seeds that are not alive, or one of the dead, by turns: so the sides of a partition find each other
   * again, however long it took.
   */
  redial(): void {
    const endpoint = this.#lost.next(this.#seeds, this.#options.ownEndpoint());
    if (endpoint !== undefined) this.#dial(endpoint);
  }

  /**
   * This node has another address now, and tells somebody at once, over a stream. Who has its former address may be a
   * node that it has lost: two nodes which swapped their addresses look for each other there.
   */
  moved(former: Endpoint): void {
    this.#lost.noteFormer(former);
    this.exchangeWithAnyone();
  }

  /**
   * Somebody whom this node does not know, or believes dead, sent a message from there; or has to hear what no datagram holds.
   *
   * @returns whether an exchange was begun: they are limited
   */
  introduce(from: Endpoint): boolean {
    const nowMs = this.#options.clock.nowMs();
    if (nowMs - this.#lastIntroductionMs < INTRODUCTION_INTERVAL_MS) return false;
    this.#lastIntroductionMs = nowMs;
    return this.#dial(from);
  }

  #attemptJoin(joinNumber: number, backoffMs: number): void {
    const { clock, random, parameters } = this.#options;
    const seeds = drawSome(random, this.#seeds, this.#seeds.length);
    for (let first = 0; first < SEEDS_AT_ONCE; first++) {
      this.#dialInTurn(
        joinNumber,
        seeds.filter((_, index) => index % SEEDS_AT_ONCE === first),
      );
    }
    clock.after(jitter(random, backoffMs), () => {
      if (joinNumber !== this.#joinNumber || this.#knowsAnyone()) return;
      this.#attemptJoin(joinNumber, Math.min(backoffMs * 1.5, parameters.maxJoinBackoffMs));
    });
  }

  /** Dials one after the other until somebody alive is known. What all of them hold, one of them mostly tells. */
  #dialInTurn(joinNumber: number, [first, ...others]: readonly Endpoint[]): void {
    if (first === undefined) return;
    let isOver = false;
    const next = (): void => {
      if (isOver || joinNumber !== this.#joinNumber || this.#knowsAnyone()) return;
      isOver = true;
      this.#dialInTurn(joinNumber, others);
    };
    this.#dial(first, next);
    this.#options.clock.after(SEED_PATIENCE_MS, next);
  }

  #knowsAnyone(): boolean {
    return this.#options.table.liveOthers().length > 0;
  }

  /**
   * @param onEnd called when the exchange is over, or was not begun
   * @returns whether it was begun
   */
  #dial(endpoint: Endpoint, onEnd = (): void => {}): boolean {
    const { table, request, onReply, onLastReply, ownEndpoint } = this.#options;
    const key = formatEndpoint(endpoint);
    if (equalEndpoints(endpoint, ownEndpoint()) || this.#dialling.has(key) || this.#dialling.size >= MAX_DIALS) {
      onEnd();
      return false;
    }
    this.#dialling.add(key);
    this.exchangesStarted++;
    const end = (): void => {
      this.#dialling.delete(key);
      onEnd();
    };
    this.#exchange(endpoint, request(), (reply) => {
      const before = table.version;
      const second = reply === undefined ? undefined : onReply(endpoint, reply);
      this.#differed += table.version - before + (second === undefined ? 0 : 1);
      if (second === undefined) return end();
      this.#exchange(endpoint, second, (last) => {
        if (last !== undefined) onLastReply(endpoint, last);
        end();
      });
    });
    return true;
  }

  #exchange(endpoint: Endpoint, request: Uint8Array, onReply: (reply: Uint8Array | undefined) => void): void {
    this.#options.transport.exchange(endpoint, request, (reply) => {
      if (reply === undefined) this.exchangesFailed++;
      onReply(reply);
    });
  }
}
