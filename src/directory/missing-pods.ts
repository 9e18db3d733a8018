/** Nodes whose pods are not held as they are announced, and when each is asked for next. */
import type { Clock } from '../env/clock.ts';
import type { Random } from '../env/random.ts';
import type { PodVersion } from './messages.ts';

/** A change mostly comes by itself: nobody asks before this time, in ms. */
const LEAST_WAIT_MS = 400;

/**
 * In a large cluster nodes ask at different times: so many ms after the first per member, and no more than that in all. The first ask
 * the owner, and the last find others that hold it already.
 */
const WAIT_PER_MEMBER_MS = 2;
const MOST_SPREAD_MS = 2_000;

/**
 * A version is held that was never announced. The announcement is still on its way; if not, what it said last is asked for after
 * this time, in ms.
 */
const AHEAD_MS = 10_000;

/**
 * Whoever has many pods, and ever others, is asked for them less often: so many bytes of one node per second. However few they are, not
 * twice within this time, in ms.
 */
const BYTES_PER_SECOND = 32 * 1024;
const LEAST_REST_MS = 250;

/** Nobody had it: asked for again after this, then so many times as long each time, in ms. */
const BACKOFF_MS = 300;
const BACKOFF_GROWTH = 1.3;
const MOST_BACKOFF_MS = 10_000;

/** A node of which something is missing. */
export interface Missing {
  readonly identity: string;
  readonly sinceMs: number;
  /** How often it was asked for in vain, of what is announced now. */
  attempts: number;
  dueMs: number;
  /** Not before this time, whoever has it. */
  restMs: number;
  isAsked: boolean;
  /** Whether somebody said that he holds it, of what is announced now. */
  isOffered: boolean;
  /** Identity of whoever said so last, until he is asked. */
  holder: string | undefined;
  /** What is announced. */
  wanted: PodVersion;
  /** What has come already of `wanted`: encoded pods. */
  came: Uint8Array[];
}

export class MissingPods {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #missing = new Map<string, Missing>();

  constructor(clock: Clock, random: Random) {
    this.#clock = clock;
    this.#random = random;
  }

  get size(): number {
    return this.#missing.size;
  }

  /** In no order. */
  all(): Iterable<Missing> {
    return this.#missing.values();
  }

  get(identity: string): Missing | undefined {
    return this.#missing.get(identity);
  }

  /** It is held now, or nobody is there who had it. */
  delete(identity: string): void {
    this.#missing.delete(identity);
  }

  /**
   * Of a node, `wanted` is not held, but `held`.
   *
   * @param members how many there are to ask
   */
  note(
    identity: string,
    wanted: PodVersion,
    held: { readonly version: number; readonly lengthBytes: number; readonly sinceMs: number } | undefined,
    members: number,
  ): void {
    const nowMs = this.#clock.nowMs();
    const spreadMs = Math.min(MOST_SPREAD_MS, WAIT_PER_MEMBER_MS * members);
    const isAhead = held !== undefined && held.version > wanted.version;
    const waitMs = (isAhead ? AHEAD_MS : LEAST_WAIT_MS) + this.#draw() * spreadMs;
    const restMs =
      held === undefined ? 0 : held.sinceMs + Math.max(LEAST_REST_MS, (1_000 * held.lengthBytes) / BYTES_PER_SECOND);
    const dueMs = Math.max(nowMs + waitMs, restMs);
    const known = this.#missing.get(identity);
    if (known === undefined) {
      const unasked = { attempts: 0, isAsked: false, isOffered: false, holder: undefined, came: [] };
      this.#missing.set(identity, { identity, sinceMs: nowMs, dueMs, restMs, wanted, ...unasked });
      return;
    }
    if (known.wanted.version === wanted.version && known.wanted.digest === wanted.digest) return;
    known.wanted = { version: wanted.version, digest: wanted.digest };
    known.came = [];
    known.attempts = 0;
    known.isOffered = false;
    known.holder = undefined;
    known.restMs = Math.max(known.restMs, restMs);
    known.dueMs = Math.min(known.dueMs, dueMs);
  }

  /**
   * Whether somebody would be believed who says that he holds this of a node. Once it was asked for in vain nobody is any more, and whoever is
   * drawn is asked: else one that lies could keep others from being asked.
   */
  believes(identity: string, { version, digest }: PodVersion): boolean {
    const missing = this.#missing.get(identity);
    return missing?.attempts === 0 && missing.wanted.version === version && missing.wanted.digest === digest;
  }

  /** The member `holder` says that it holds what is wanted of a node, and is believed: it is asked as soon as may be. */
  offered(identity: string, holder: string): void {
    const missing = this.#missing.get(identity)!;
    missing.isOffered = true;
    missing.holder = holder;
    missing.dueMs = Math.min(missing.dueMs, Math.max(this.#clock.nowMs(), missing.restMs));
  }

  /** It is being asked for. */
  asked(missing: Missing): void {
    missing.isAsked = true;
    missing.holder = undefined;
    missing.restMs = Math.max(missing.restMs, this.#clock.nowMs() + LEAST_REST_MS);
  }

  /** It was asked for in vain. */
  failed(missing: Missing): void {
    const backoffMs = Math.min(MOST_BACKOFF_MS, BACKOFF_MS * BACKOFF_GROWTH ** missing.attempts);
    missing.attempts++;
    missing.came = [];
    missing.dueMs = Math.max(this.#clock.nowMs() + backoffMs * (0.5 + this.#draw()), missing.restMs);
  }

  #draw(): number {
    return this.#random.uint32() / 0x1_0000_0000;
  }
}
