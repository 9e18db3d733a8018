/**
 * Packetization-layer path MTU discovery towards one peer, in the manner of RFC 8899 (and RFC 4821): probes are sent, and
 * what is answered has passed. No ICMP message is believed, or needed.
 *
 *                    full size answered
 *     searching ───────────────────────────> confirmed <──┐ checked every second while the peer is busy;
 *         │                                   │  │    └───┘ below the full size: now and then larger ones are tried
 *         │ full size lost, small answered    │  └─────────────────────────> searching: a larger one was answered
 *         └──────────────> black hole <───────┘ the size lost, thrice more lost, and small answered
 *                              │
 *                              └── rounds of sizes, until what passes and what does not are neighbours ──> confirmed
 *
 * Chosen: rounds of up to ten sizes at once, each probe awaited for about a round trip. Instead of: one probe after the
 * other, PROBE_TIMER 15 seconds (section 5.1.1). Because: connections must not stall for more than a few seconds, and peers
 * answer in milliseconds. Instead of: beginning at BASE_PLPMTU. Because: the full size is right almost always, and a wrong
 * guess is corrected within a second. Nothing at all answered is no statement about sizes: all stays as it is.
 */
import type { Clock } from '../env/clock.ts';
import { Liveness } from './liveness.ts';
import { LossWindow } from './loss-window.ts';
import { isOver, largestAnswered, type Probe, type ProbeRound, smallestUnansweredAbove } from './probe-round.ts';
import { MIN_PATH_MTU_BYTES, sizesBetween } from './probe-sizes.ts';
import { RequestCount } from './request-count.ts';
import { RoundTrip } from './round-trip.ts';

export interface PathSearchOptions {
  readonly clock: Clock;
  /** Largest inner packet that both nodes could take, in bytes: what is assumed to pass until it is known not to. */
  readonly ceilingBytes: number;
  /** Between an inner packet and the outer one, in bytes. */
  readonly overheadBytes: number;
  /** Sends a probe of this many bytes, counted from the inner IP header, and gives the number it has. */
  readonly send: (sizeBytes: number) => number;
  /** Called at once when {@link PathSearch.mtuBytes} changed. */
  readonly onChange: () => void;
}

/** Where the search stands: see above. */
export type PathPhase = 'searching' | 'confirmed' | 'black-hole';

/** How closely a path is looked at: `busy` if there is traffic to the peer, `none` if it waits for its turn. */
export type Attention = 'busy' | 'idle' | 'none';

/** How long after a check the next one comes, in ms. */
const INTERVAL_MS: Readonly<Record<Attention, number>> = { busy: 1_000, idle: 10_000, none: Infinity };
/** How soon after the size went down a larger one is tried: probes may have been lost for another reason. Then how often. */
const FIRST_GROWTH_MS = 2_000;
const GROWTH_INTERVAL_MS = 10_000;
/** How much larger sizes are tried then, beside those of `sizesBetween`: what was taken wrongly for too large is near. */
const GROWTH_STEPS_BYTES = [1, 16, 128];
/** How long an answer may be late and still count, in ms. */
const LATE_MS = 5_000;
/** Probes per size when the size is looked for: at a loss of 10 %, one size of a hundred is taken wrongly for too large. */
const SEARCH_PROBES = 2;

/** The search for one peer's path MTU. */
export class PathSearch {
  readonly roundTrip = new RoundTrip();
  readonly losses = new LossWindow();
  readonly liveness = new Liveness();
  readonly #options: PathSearchOptions;
  #ceilingBytes: number;
  #mtuBytes: number;
  #phase: PathPhase = 'searching';
  #attention: Attention = 'none';
  readonly #requests = new RequestCount();
  #round: ProbeRound | undefined;
  /** The probe of the size in use that the last check sent. */
  #checked: Probe | undefined;
  /** Probes of earlier rounds that were not answered. */
  #late = new Map<number, Probe>();
  /** Raised with each step; what was planned before it does nothing. */
  #step = 0;
  #silentRounds = 0;
  #lastRoundMs = -Infinity;
  #growAtMs = Infinity;
  /** Since when larger probes are lost: a late answer to one sent after that disproves it. */
  #doubtedSinceMs = Infinity;

  constructor(options: PathSearchOptions) {
    this.#options = options;
    this.#ceilingBytes = options.ceilingBytes;
    this.#mtuBytes = options.ceilingBytes;
  }

  /** Largest inner packet that passes, as far as is known, in bytes. */
  get mtuBytes(): number {
    return this.#mtuBytes;
  }

  get phase(): PathPhase {
    return this.#phase;
  }

  /** Sends nothing any more. */
  stop(): void {
    this.#step++;
    this.#round = undefined;
    this.#late.clear();
  }

  /** Looks more, or less, closely from now on. When more, the size is checked at once if that was not done lately. */
  setAttention(attention: Attention): void {
    const before = this.#attention;
    if (attention === before) return;
    this.#attention = attention;
    if (before === 'none') this.liveness.resumed();
    if (INTERVAL_MS[attention] > INTERVAL_MS[before] || this.#round !== undefined) return;
    const sinceMs = this.#options.clock.nowMs() - this.#lastRoundMs;
    this.#planNext(Math.max(0, INTERVAL_MS[attention] - sinceMs));
  }

  /** The largest packet that both nodes could take is another now. */
  setCeiling(ceilingBytes: number): void {
    if (ceilingBytes === this.#ceilingBytes) return;
    const isMore = ceilingBytes > this.#ceilingBytes;
    this.#ceilingBytes = ceilingBytes;
    if (!isMore) {
      this.#setMtu(Math.min(this.#mtuBytes, ceilingBytes));
      return;
    }
    this.#growAtMs = this.#options.clock.nowMs();
    if (this.#round === undefined) this.#planNext(0);
  }

  /** Sends one probe that somebody asks for, beside the rounds; its number. Its answer counts as a late one does. */
  probe(sizeBytes: number): number {
    const { clock, send } = this.#options;
    const sentMs = clock.nowMs();
    this.#forgetLate(sentMs);
    const ordinal = this.#requests.sent(sentMs);
    const sequence = send(sizeBytes);
    this.#late.set(sequence, { sizeBytes, sentMs, ordinal, isAnswered: false, isRefused: false });
    return sequence;
  }

  /**
   * The probe with this number was answered. Numbers that are not known, or not any more, are ignored.
   *
   * @param requestsSeen how many probes over this path the peer says to have seen, if it does.
   */
  answered(sequence: number, roundTripMs: number, requestsSeen?: number): void {
    const awaited = this.#round?.probes.get(sequence);
    const probe = awaited ?? this.#late.get(sequence);
    if (probe === undefined || probe.isAnswered || roundTripMs > LATE_MS) return;
    probe.isAnswered = true;
    this.#late.delete(sequence);
    this.roundTrip.note(roundTripMs);
    this.liveness.answered(this.#options.clock.nowMs());
    this.losses.heard();
    if (requestsSeen !== undefined && this.#requests.replied(probe.ordinal, requestsSeen))
      this.losses.attribute(this.#requests.outShare);
    if (awaited === undefined) this.#takeLate(probe);
    else if (isOver(this.#round!)) this.#judge();
  }

  /** The peer lets us know by another path that it has seen so many probes over this one. */
  heard(requestsSeen: number): void {
    if (this.#requests.heard(requestsSeen, this.#options.clock.nowMs())) this.losses.attribute(this.#requests.outShare);
  }

  /** This node's own kernel refused to send the probe: it is too large for the device. */
  refused(sequence: number): void {
    const awaited = this.#round?.probes.get(sequence);
    const probe = awaited ?? this.#late.get(sequence);
    if (probe === undefined || probe.isRefused) return;
    probe.isRefused = true;
    this.#requests.refused();
    if (awaited !== undefined && isOver(this.#round!)) this.#judge();
  }

  #takeLate(probe: Probe): void {
    if (probe.sizeBytes <= this.#mtuBytes || probe.sizeBytes > this.#ceilingBytes) return;
    if (probe.sentMs < this.#doubtedSinceMs) return;
    // It was slow, not lost.
    this.#setMtu(probe.sizeBytes);
    this.#growAtMs = Math.min(this.#growAtMs, this.#options.clock.nowMs() + FIRST_GROWTH_MS);
  }

  /** What is due: mostly a check, now and then an attempt at more. */
  #next(): void {
    const canGrow = this.#phase === 'confirmed' && this.#mtuBytes < this.#ceilingBytes;
    if (canGrow && this.#options.clock.nowMs() >= this.#growAtMs) this.#grow();
    else this.#check();
  }

  /** One probe of the size in use. As long as none is answered, or none ever was, a small one too. */
  #check(): void {
    const sizes = [this.#mtuBytes];
    if (this.#phase === 'searching' || this.#silentRounds > 0) sizes.push(this.#floorBytes);
    this.#send(sizes, (round) => {
      if (this.#settleIfAnswered(round)) return;
      if (sizes.length > 1 && this.#settleIfSilent(round)) return;
      this.#doubt(round);
    });
    this.#checked = this.#round?.probes.values().next().value;
  }

  /** The size in use was not answered. Is it lost each time? And what does pass? */
  #doubt(doubtful: ProbeRound): void {
    this.#doubtedSinceMs = Math.min(...[...doubtful.probes.values()].map(({ sentMs }) => sentMs));
    const mtuBytes = this.#mtuBytes;
    const { overheadBytes } = this.#options;
    const smaller = [...sizesBetween(this.#floorBytes, mtuBytes, overheadBytes), this.#floorBytes];
    // Three more, apart from each other: what is lost together may have been lost for one reason.
    const middle = smaller.length >> 1;
    const sizes = [mtuBytes, ...smaller.slice(0, middle), mtuBytes, ...smaller.slice(middle), mtuBytes];
    const decide = (round: ProbeRound): void => {
      if (this.#settleIfAnswered(round) || this.#settleIfSilent(round)) return;
      this.#phase = 'black-hole';
      this.#narrow(round, this.#floorBytes, mtuBytes);
    };
    this.#send(sizes, decide, doubtful.probes);
  }

  /** Is there room above the size in use? */
  #grow(): void {
    const { clock, overheadBytes } = this.#options;
    const [low, high] = [this.#mtuBytes, this.#ceilingBytes + 1];
    this.#growAtMs = clock.nowMs() + GROWTH_INTERVAL_MS;
    const steps = GROWTH_STEPS_BYTES.map((step) => low + step).filter((size) => size < high);
    const sizes = new Set([this.#ceilingBytes, ...sizesBetween(low, high, overheadBytes), ...steps]);
    this.#send([...sizes, this.#ceilingBytes], (round) => {
      if (largestAnswered(round) === undefined) {
        this.#planNext();
        return;
      }
      this.#phase = 'searching';
      this.#narrow(round, low, high);
    });
  }

  /** Takes what passed, and looks between that and the smallest size that did not. */
  #narrow(round: ProbeRound, low: number, high: number): void {
    const passing = Math.max(low, largestAnswered(round) ?? low);
    const failing = smallestUnansweredAbove(round, passing) ?? high;
    this.#setMtu(Math.min(passing, this.#ceilingBytes));
    const sizes = sizesBetween(passing, failing, this.#options.overheadBytes);
    if (sizes.length === 0) {
      this.#settle();
      return;
    }
    const repeated = Array.from({ length: SEARCH_PROBES }, () => sizes).flat();
    this.#send(repeated, (next) => this.#narrow(next, passing, failing));
  }

  /** Whether a probe of the size in use was answered: all is well then, and that is all for now. */
  #settleIfAnswered(round: ProbeRound): boolean {
    if ((largestAnswered(round) ?? 0) < this.#mtuBytes) return false;
    this.#noteLosses();
    this.#doubtedSinceMs = Infinity;
    this.#settle();
    return true;
  }

  /** Whether nothing was answered, which says nothing about sizes. */
  #settleIfSilent(round: ProbeRound): boolean {
    if (largestAnswered(round) !== undefined) return false;
    this.#noteLosses();
    this.roundTrip.backOff();
    this.#silentRounds++;
    this.#planNext(this.roundTrip.timeoutMs * 2 ** Math.min(this.#silentRounds, 8));
    return true;
  }

  #settle(): void {
    this.#silentRounds = 0;
    if (this.#phase !== 'confirmed') this.#growAtMs = this.#options.clock.nowMs() + FIRST_GROWTH_MS;
    this.#phase = 'confirmed';
    this.#planNext();
  }

  /** Plans what comes next: after `delayMs` at the latest, if anybody looks at all. */
  #planNext(delayMs = Infinity): void {
    if (this.#attention === 'none') this.#step++;
    else this.#plan(Math.min(delayMs, INTERVAL_MS[this.#attention]), () => this.#next());
  }

  /** Counts the probe of the last check: others are sent only when that one was lost, and would say less than the truth. */
  #noteLosses(): void {
    const checked = this.#checked;
    this.#checked = undefined;
    // Before the first answer the peer may just not know of this node yet.
    if (this.roundTrip.smoothedMs === undefined || checked === undefined) return;
    this.losses.note(checked.isAnswered, this.#options.clock.nowMs());
  }

  #setMtu(mtuBytes: number): void {
    if (mtuBytes === this.#mtuBytes) return;
    this.#mtuBytes = mtuBytes;
    this.#options.onChange();
  }

  get #floorBytes(): number {
    return Math.min(MIN_PATH_MTU_BYTES, this.#mtuBytes);
  }

  /** @param inherited probes of an earlier round, an answer to which counts in this one. */
  #send(sizes: readonly number[], judge: (round: ProbeRound) => void, inherited?: ReadonlyMap<number, Probe>): void {
    const { clock, send } = this.#options;
    const sentMs = clock.nowMs();
    const probes = new Map(inherited);
    this.#lastRoundMs = sentMs;
    this.liveness.sent(sentMs);
    this.#round = { probes, judge };
    const step = ++this.#step;
    for (const sizeBytes of sizes) {
      const ordinal = this.#requests.sent(sentMs);
      probes.set(send(sizeBytes), { sizeBytes, sentMs, ordinal, isAnswered: false, isRefused: false });
    }
    clock.after(this.roundTrip.timeoutMs, () => {
      if (step === this.#step) this.#judge();
    });
  }

  #judge(): void {
    const round = this.#round!;
    this.#round = undefined;
    this.#forgetLate(this.#options.clock.nowMs());
    for (const [sequence, probe] of round.probes) if (!probe.isAnswered) this.#late.set(sequence, probe);
    this.liveness.judged(largestAnswered(round) !== undefined);
    round.judge(round);
  }

  #forgetLate(nowMs: number): void {
    for (const [sequence, probe] of this.#late) if (nowMs - probe.sentMs > LATE_MS) this.#late.delete(sequence);
  }

  #plan(delayMs: number, action: () => void): void {
    const step = ++this.#step;
    this.#options.clock.after(delayMs, () => {
      if (step === this.#step) action();
    });
  }
}
