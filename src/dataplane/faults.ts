/**
 * Judges datagrams by the faults that are injected at one worker: whether each passes, is lost, or is held back, and as what.
 *
 * Rules are asked in order of their ids, and a datagram that one of them loses is nothing that the next ones are about. Delays
 * add up. Which datagrams pass is a matter of the rules; holding them is that of `held-datagrams.ts`.
 */
import { FaultCount, type FaultCountsMemory, faultCountsAt, resetFaultCounts } from './fault-counts.ts';
import { FaultDraw, faultDraw } from './fault-draw.ts';
import type { FaultDirection, FaultRule } from './fault-rule.ts';
import type { ForwardingReader } from './forwarding-table.ts';

/** What is to become of a datagram. */
export const FaultFate = {
  /** It goes on as it is. */
  pass: 0,
  lost: 1,
  clipped: 2,
  /** It is copied, and what of it is to be sent, and when, is in the fields of {@link Faults}. */
  held: 3,
} as const;

export type FaultFate = (typeof FaultFate)[keyof typeof FaultFate];

/** Nobody's slot. */
export const NO_SLOT = -1;

interface ActiveRule {
  readonly rule: FaultRule;
  readonly countsAt: number;
}

/** Rules of one worker. Nothing here allocates, but when rules change. */
export class Faults {
  /** Of the datagram judged last, if it is held: for how long, in microseconds. */
  delayUs = 0;
  /** Of the same: how many copies there are to be beside it. */
  copies = 0;
  /** Of the same: which bit is to be flipped, as a fraction of its length, and -1 for none. */
  corruptBit = -1;
  /** Of the same: slot of the rule by which it waits for the next one to overtake it, or {@link NO_SLOT}. */
  overtakenBy = NO_SLOT;
  /** Of the same: slots of the rules whose waiting datagrams it overtakes, a bit each. */
  overtakes = 0;
  readonly #worker: number;
  readonly #counts: FaultCountsMemory;
  readonly #forwarding: Pick<ForwardingReader, 'peerHasAddress'>;
  readonly #isWaiting: (slot: number) => boolean;
  #out: readonly ActiveRule[] = [];
  #in: readonly ActiveRule[] = [];
  /** Of the datagram judged last: the last rule that wants it held back. */
  #holder: ActiveRule | undefined;

  /** @param isWaiting whether a datagram waits to be overtaken by the next one that the rule in a slot is about. */
  constructor(
    worker: number,
    counts: FaultCountsMemory,
    forwarding: Pick<ForwardingReader, 'peerHasAddress'>,
    isWaiting: (slot: number) => boolean,
  ) {
    this.#worker = worker;
    this.#counts = counts;
    this.#forwarding = forwarding;
    this.#isWaiting = isWaiting;
  }

  /** Takes these rules in place of those that there are. A rule that was there goes on where it was. */
  replace(rules: readonly FaultRule[]): void {
    const active = rules
      .toSorted((a, b) => a.id - b.id)
      .map((rule): ActiveRule => {
        const countsAt = faultCountsAt(this.#worker, rule.slot);
        if (this.#counts[countsAt + FaultCount.id] !== rule.id) resetFaultCounts(this.#counts, countsAt, rule.id);
        return { rule, countsAt };
      });
    this.#out = active.filter(({ rule }) => rule.direction === 'out');
    this.#in = active.filter(({ rule }) => rule.direction === 'in');
  }

  /** Whether any datagram of this direction could be affected. */
  isOn(direction: FaultDirection): boolean {
    return (direction === 'out' ? this.#out : this.#in).length > 0;
  }

  /**
   * Judges one datagram.
   *
   * @param addressAt where the underlay address of the other end lies in `bytes`.
   * @param outerBytes length of the outer IP packet, or of the largest fragment of it.
   * @param isProbe whether it is a path probe.
   */
  judge(
    direction: FaultDirection,
    bytes: Uint8Array,
    addressAt: number,
    family: 4 | 6,
    outerBytes: number,
    isProbe: boolean,
  ): FaultFate {
    this.delayUs = 0;
    this.copies = 0;
    this.corruptBit = -1;
    this.overtakenBy = NO_SLOT;
    this.overtakes = 0;
    this.#holder = undefined;
    for (const active of direction === 'out' ? this.#out : this.#in) {
      const { peer } = active.rule;
      if (peer !== 0 && !this.#forwarding.peerHasAddress(peer, bytes, addressAt, family)) continue;
      const fate = this.#apply(active, outerBytes, isProbe);
      if (fate !== FaultFate.pass) return fate;
    }
    return this.#holder === undefined ? FaultFate.pass : FaultFate.held;
  }

  /** There was no room to hold the datagram judged last back, or a copy of it. */
  queueFull(): void {
    if (this.#holder !== undefined) this.#count(this.#holder, FaultCount.queueFull);
  }

  #apply(active: ActiveRule, outerBytes: number, isProbe: boolean): FaultFate {
    const { rule } = active;
    const datagram = this.#numberOf(active, isProbe);
    if (rule.clipBytes > 0 && outerBytes > rule.clipBytes) {
      this.#count(active, FaultCount.clipped);
      return FaultFate.clipped;
    }
    if (this.#happens(rule, rule.lossRatio, datagram, FaultDraw.loss)) {
      this.#count(active, FaultCount.lost);
      return FaultFate.lost;
    }
    if (this.#happens(rule, rule.duplicateRatio, datagram, FaultDraw.duplicate)) {
      this.#count(active, FaultCount.duplicated);
      this.copies++;
      this.#holder = active;
    }
    if (this.#happens(rule, rule.corruptRatio, datagram, FaultDraw.corrupt)) {
      this.#count(active, FaultCount.corrupted);
      this.corruptBit = faultDraw(rule.seed, this.#worker, datagram, FaultDraw.bit);
      this.#holder = active;
    }
    this.#delay(active, datagram);
    return FaultFate.pass;
  }

  /** Counts a datagram, and gives it its number: 0 or more, and for path probes -1 or less. */
  #numberOf(active: ActiveRule, isProbe: boolean): number {
    const seen = this.#counts[active.countsAt + FaultCount.seen]!;
    const probes = this.#counts[active.countsAt + FaultCount.probes]!;
    this.#count(active, FaultCount.seen);
    if (!isProbe) return seen - probes;
    this.#count(active, FaultCount.probes);
    return -1 - probes;
  }

  /** Those that are reordered overtake what is delayed; where nothing is, they wait to be overtaken. */
  #delay(active: ActiveRule, datagram: number): void {
    const { rule } = active;
    const isReordered = this.#happens(rule, rule.reorderRatio, datagram, FaultDraw.reorder);
    if (isReordered) this.#count(active, FaultCount.reordered);
    if (rule.delayUs > 0 || rule.jitterUs > 0) {
      if (isReordered) return;
      const jitter = 2 * faultDraw(rule.seed, this.#worker, datagram, FaultDraw.jitter) - 1;
      this.delayUs += Math.max(0, Math.round(rule.delayUs + jitter * rule.jitterUs));
      this.#count(active, FaultCount.delayed);
      this.#holder = active;
      return;
    }
    if (this.#isWaiting(rule.slot)) this.overtakes |= 1 << rule.slot;
    else if (isReordered && this.overtakenBy === NO_SLOT) {
      this.overtakenBy = rule.slot;
      this.#holder = active;
    }
  }

  #happens(rule: FaultRule, ratio: number, datagram: number, purpose: FaultDraw): boolean {
    return ratio > 0 && faultDraw(rule.seed, this.#worker, datagram, purpose) < ratio;
  }

  #count({ countsAt }: ActiveRule, field: number): void {
    this.#counts[countsAt + field] = this.#counts[countsAt + field]! + 1;
  }
}
