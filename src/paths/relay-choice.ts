/**
 * Which way packets for one peer take: straight, or through a relay.
 *
 *              nothing answered for 2 s                 a relay's way is answered
 *     direct ─────────────────────────────> seeking ──────────────────────────────> relayed
 *        ^                                     │                                       │ every minute, and when it falls
 *        └──── answered for a while ───────────┴───────────────────────────────────────┘ silent: others are tried
 *
 * A way is only taken when probes have come back over it, and of several the one that loses least, then the fastest. What is
 * in use is left for something clearly better only. The direct way is taken again when it has been answered thrice in a row
 * and for two seconds; for longer if it keeps failing: each change may put packets of a connection out of order.
 *
 * Chosen: one relay, of one's own measurement. Instead of: a routing protocol. Because: a network between nodes of one
 * cluster is whole but for a few broken pairs, a second hop mends these, and nobody has to agree with anybody.
 */
import type { PathHealth } from './path-table.ts';

/** Where the choice stands: see above. */
export type WayState = 'direct' | 'seeking' | 'relayed';

/** What is known at the moment. */
export interface WayOutlook {
  readonly nowMs: number;
  /** The straight way to the peer. */
  readonly direct: PathHealth;
  /** Whether the peer is said to be alive: otherwise it is silent for that, and nobody looks for a way to it. */
  readonly isAlive: boolean;
  /** Whether this peer is still there, and still relays. */
  readonly isRelay: (relay: number) => boolean;
  /** Peers that may be worth trying as a relay, the most promising first. */
  readonly candidates: () => readonly number[];
  /** The way through a relay; `undefined` before anything is known of it. */
  readonly through: (relay: number) => PathHealth | undefined;
}

/**
 * How long nothing may be answered, in ms. Lost probes are repeated a dozen times meanwhile, and who is just slow is not
 * reached through a relay either. Short enough for the fourth attempt of a TCP connection, which comes after three seconds.
 */
export const SILENCE_MS = 2_000;
/** The same for a peer that never answered: it may not know this node yet. */
const FIRST_SILENCE_MS = 4_000;
/** Ways through relays that are measured at once, the one in use included. */
export const MAX_TRIALS = 3;
/** How long a relay may be silent before others are tried, in ms, and how long it is not tried again then. */
const TRIAL_SILENCE_MS = 1_500;
const FAILED_MS = 10_000;
/** How long several relays are compared, in ms, and how often. */
const COMPARISON_MS = 10_000;
const COMPARISON_INTERVAL_MS = 60_000;
/** Probes after which a measured loss says something. */
const MIN_PROBES = 5;
/** What is clearly better: that much less loss, or as little and that much faster: by a part, and in ms. */
const BETTER_LOSS = 0.05;
const BETTER_ROUND_TRIP = 0.7;
const BETTER_ROUND_TRIP_MS = 1;
/** The direct way is taken again after so many answered rounds of probes, and {@link MIN_RETURN_MS} without silence. */
const RETURN_ROUNDS = 3;
/** How long there must have been no silence, in ms. Twice as long each time that it fails again soon, up to a limit. */
const MIN_RETURN_MS = 2_000;
const MAX_RETURN_MS = 60_000;
const RELAPSE_MS = 30_000;

/** The choice for one peer. Begins as direct. */
export class RelayChoice {
  #state: WayState = 'direct';
  #relay: number | undefined;
  /** Since when each of the ways that are measured is, the one in use included. */
  readonly #trials = new Map<number, number>();
  /** Until when each relay that failed is not tried. */
  readonly #failed = new Map<number, number>();
  #comparedUntilMs = 0;
  #returnMs = MIN_RETURN_MS;
  #returnedAtMs = -Infinity;

  get state(): WayState {
    return this.#state;
  }

  /** The relay in use; `undefined`: packets go straight. */
  get relay(): number | undefined {
    return this.#relay;
  }

  /** Relays whose ways are to be measured, the one in use included. */
  get trials(): readonly number[] {
    return [...this.#trials.keys()];
  }

  /** Whether there is nothing to remember: packets go straight, and have done so for long. */
  isAtRest(nowMs: number): boolean {
    return this.#state === 'direct' && nowMs - this.#returnedAtMs > RELAPSE_MS;
  }

  /** Whether a direct way is silent for so long that a relay is looked for. */
  static isSilent({ silentMs, roundTripMs }: PathHealth): boolean {
    return silentMs >= (roundTripMs === undefined ? FIRST_SILENCE_MS : SILENCE_MS);
  }

  /** Forgets relays that are gone, or relay no longer. */
  keepOnly(isRelay: (relay: number) => boolean): void {
    for (const relay of this.#trials.keys()) if (!isRelay(relay)) this.#trials.delete(relay);
    if (this.#relay === undefined || isRelay(this.#relay)) return;
    this.#relay = undefined;
    this.#state = 'seeking';
  }

  /** Looks at what is known now. True if {@link relay} or {@link trials} are others than before. */
  look(outlook: WayOutlook): boolean {
    const before = [this.#relay, ...this.#trials.keys()];
    if (this.#state === 'direct') this.#lookWhileDirect(outlook);
    else if (this.#canReturn(outlook)) this.#return(outlook.nowMs);
    if (this.#state !== 'direct') this.#lookForRelay(outlook);
    const after = [this.#relay, ...this.#trials.keys()];
    return before.length !== after.length || before.some((relay, index) => relay !== after[index]);
  }

  #lookWhileDirect({ nowMs, direct, isAlive }: WayOutlook): void {
    if (!isAlive || !RelayChoice.isSilent(direct)) return;
    const isRelapse = nowMs - this.#returnedAtMs < RELAPSE_MS;
    this.#returnMs = isRelapse ? Math.min(MAX_RETURN_MS, 2 * this.#returnMs) : MIN_RETURN_MS;
    this.#state = 'seeking';
  }

  #canReturn({ direct }: WayOutlook): boolean {
    // Before a relay is found, anything that comes back is better than nothing.
    if (this.#state === 'seeking') return direct.silentMs === 0;
    return direct.answeredRounds >= RETURN_ROUNDS && direct.answeringMs >= this.#returnMs;
  }

  #return(nowMs: number): void {
    this.#state = 'direct';
    this.#relay = undefined;
    this.#returnedAtMs = nowMs;
    this.#trials.clear();
    this.#failed.clear();
  }

  #lookForRelay(outlook: WayOutlook): void {
    const { nowMs } = outlook;
    this.keepOnly(outlook.isRelay);
    this.#dropFailed(outlook);
    const best = this.#best(outlook);
    if (best !== this.#relay && best !== undefined) {
      if (this.#relay === undefined) this.#comparedUntilMs = nowMs + COMPARISON_MS;
      this.#relay = best;
      this.#state = 'relayed';
    }
    const isComparing = nowMs < this.#comparedUntilMs;
    if (!isComparing && nowMs >= this.#comparedUntilMs + COMPARISON_INTERVAL_MS) {
      this.#comparedUntilMs = nowMs + COMPARISON_MS;
    }
    const isInDoubt = this.#relay === undefined || isFailing(outlook.through(this.#relay));
    if (isComparing || isInDoubt) this.#fillTrials(outlook);
    else for (const relay of this.#trials.keys()) if (relay !== this.#relay) this.#trials.delete(relay);
  }

  #dropFailed({ nowMs, through }: WayOutlook): void {
    for (const [relay, untilMs] of this.#failed) if (nowMs >= untilMs) this.#failed.delete(relay);
    for (const [relay, sinceMs] of this.#trials) {
      // The one in use is kept as long as nothing better is known, but others are tried beside it.
      if (relay === this.#relay || nowMs - sinceMs < TRIAL_SILENCE_MS || !isFailing(through(relay), true)) continue;
      this.#trials.delete(relay);
      this.#failed.set(relay, nowMs + FAILED_MS);
    }
  }

  #fillTrials({ nowMs, candidates }: WayOutlook): void {
    if (this.#trials.size >= MAX_TRIALS) return;
    for (const relay of candidates()) {
      if (this.#trials.size >= MAX_TRIALS) return;
      if (!this.#trials.has(relay) && !this.#failed.has(relay)) this.#trials.set(relay, nowMs);
    }
  }

  /** The one in use, unless another is clearly better; `undefined` if none was answered. */
  #best({ through }: WayOutlook): number | undefined {
    let best = this.#relay;
    let bestHealth = best === undefined ? undefined : through(best);
    for (const relay of this.#trials.keys()) {
      const health = through(relay);
      if (relay === best || health?.roundTripMs === undefined || isFailing(health)) continue;
      if (best !== undefined && !isBetter(health, bestHealth)) continue;
      best = relay;
      bestHealth = health;
    }
    return best;
  }
}

/** Whether nothing comes back; `orNever`: or nothing ever has. */
function isFailing(health: PathHealth | undefined, orNever = false): boolean {
  if (health?.roundTripMs === undefined) return orNever;
  return health.silentMs >= TRIAL_SILENCE_MS;
}

function isBetter(health: PathHealth, inUse: PathHealth | undefined): boolean {
  if (inUse === undefined || inUse.roundTripMs === undefined || isFailing(inUse)) return true;
  if (health.probes < MIN_PROBES || inUse.probes < MIN_PROBES) return false;
  const loss = inUse.lossRatio - health.lossRatio;
  if (loss >= BETTER_LOSS) return true;
  if (loss <= -BETTER_LOSS) return false;
  const roundTripMs = health.roundTripMs!;
  return roundTripMs < inUse.roundTripMs * BETTER_ROUND_TRIP && roundTripMs < inUse.roundTripMs - BETTER_ROUND_TRIP_MS;
}
