/**
 * What injected faults do to the datagrams of one worker. Where there are none, it costs a branch per batch, and one per datagram.
 *
 *     batch ──withhold──> what is not to leave now is taken out of the batch: dropped for a reason, or held
 *     Ingress ──take──> the same for what came in
 *     held ──release──> batch, as if it had just been put there ──clear──> free
 *
 * What is held stays `queued` in the accounts. A copy is `originated`, in the direction of what it is a copy of.
 */
import { IPV4_MIN_HEADER_LENGTH } from '../wire/ipv4.ts';
import { IPV6_HEADER_LENGTH } from '../wire/ipv6.ts';
import { UDP_HEADER_LENGTH } from '../wire/udp.ts';
import type { Counters } from './counters.ts';
import { DropReason } from './drop-reason.ts';
import type { FaultCountsMemory } from './fault-counts.ts';
import { damage } from './fault-damage.ts';
import type { FaultRule } from './fault-rule.ts';
import { FaultFate, Faults, NO_SLOT } from './faults.ts';
import type { ForwardingReader } from './forwarding-table.ts';
import { HeldDatagrams, HeldKind } from './held-datagrams.ts';
import { looksLikeProbe } from './probe-frame.ts';
import { DatagramOwner, type TransmitBatch } from './transmit-batch.ts';

/** What {@link FaultInjection.take} says of a datagram that comes back later. */
export const HELD = -2;

export interface FaultInjectionOptions {
  /** The worker's whole memory; all offsets are into it. */
  readonly memory: Uint8Array;
  /** Where datagrams are held: see `HeldDatagrams.memoryBytes`. */
  readonly area: { readonly at: number; readonly lengthBytes: number };
  readonly forwarding: ForwardingReader;
  readonly counters: Counters;
  readonly worker: number;
  readonly counts: FaultCountsMemory;
  /** Time in microseconds. */
  readonly nowUs: () => number;
}

/** What takes datagrams that came in: see `Ingress`. */
export interface DatagramInput {
  hasRoom(): boolean;
  push(
    at: number,
    lengthBytes: number,
    groSizeBytes: number,
    senderFamily: 4 | 6,
    senderAt: number,
    trafficClass: number,
    senderPort?: number,
  ): void;
}

/** Where what was held goes on. All are empty, or have room. */
export interface HeldTargets {
  readonly transmitBatch: TransmitBatch;
  readonly relayBatch: TransmitBatch;
  readonly ingress: DatagramInput;
}

/** Nothing here throws for any bytes, and nothing allocates, but when rules change. */
export class FaultInjection {
  readonly #options: FaultInjectionOptions;
  readonly #memory: Uint8Array;
  readonly #forwarding: ForwardingReader;
  readonly #counters: Counters;
  readonly #held: HeldDatagrams;
  readonly #faults: Faults;
  /** Underlay address of the peer that a datagram goes to. */
  readonly #address = new Uint8Array(16);
  /** Slots that were given out since the last {@link clear}. */
  readonly #released: Int32Array;
  #releasedCount = 0;
  /** Of what comes in: in whose account it is, and what came with it. */
  #accountPeer = 0;
  #senderFamily: 4 | 6 = 4;
  #senderAt = 0;
  #senderPort = 0;
  #trafficClass = 0;
  /** Whether what comes in just now was held before. */
  #isPushing = false;

  constructor(options: FaultInjectionOptions) {
    this.#options = options;
    this.#memory = options.memory;
    this.#forwarding = options.forwarding;
    this.#counters = options.counters;
    const held = new HeldDatagrams(options.area);
    this.#held = held;
    this.#faults = new Faults(options.worker, options.counts, options.forwarding, (slot) => held.isWaiting(slot));
    this.#released = new Int32Array(held.slots);
  }

  /** Injects these faults from now on, and no others. What is held goes on when it is due. */
  replace(rules: readonly FaultRule[]): void {
    this.#faults.replace(rules);
  }

  /** Whether what comes in is to be judged: there are faults for it, and it was not held before. */
  get judgesIncoming(): boolean {
    return this.#faults.isOn('in') && !this.#isPushing;
  }

  /** For how long to wait for the next datagram that is due, in ms; -1: none is held. */
  waitMs(): number {
    if (this.#held.isEmpty) return -1;
    const dueUs = this.#held.nextDueUs();
    return dueUs === -1 ? -1 : Math.max(0, dueUs - this.#options.nowUs()) / 1_000;
  }

  /**
   * Takes out of `batch`, which is about to be sent, what is not to be.
   *
   * @param failed told of each datagram that is dropped.
   */
  withhold(batch: TransmitBatch, failed: (datagram: number, reason: DropReason) => void): void {
    if (!this.#faults.isOn('out')) return;
    for (let datagram = 0; datagram < batch.datagramCount; datagram++) {
      if (batch.held[datagram] !== 0) continue;
      const fate = this.#judgeOutgoing(batch, datagram);
      if (fate !== FaultFate.pass) {
        const reasons = batch.owner[datagram] === DatagramOwner.relay ? Reasons.relayed : Reasons.out;
        const reason = fate === FaultFate.held ? this.#holdOutgoing(batch, datagram) : reasons[fate];
        if (reason !== -1) failed(datagram, reason);
        batch.withhold(datagram);
      }
      if (this.#faults.overtakes !== 0) this.#overtake();
    }
  }

  /** Who sent what is given to {@link take} from now on: see `Ingress.push`. */
  sender(accountPeer: number, family: 4 | 6, at: number, port: number, trafficClass: number): void {
    this.#accountPeer = accountPeer;
    this.#senderFamily = family;
    this.#senderAt = at;
    this.#senderPort = port;
    this.#trafficClass = trafficClass;
  }

  /**
   * Judges a datagram that came in. Returns why it goes nowhere, -1 if it is to be dealt with at once, and {@link HELD} if it
   * comes back later, by {@link release}.
   */
  take(at: number, lengthBytes: number, groSizeBytes: number): DropReason | -1 | typeof HELD {
    const faults = this.#faults;
    const outerBytes = lengthBytes + outerHeadersBytes(this.#senderFamily);
    const isProbe = looksLikeProbe(this.#memory, at, lengthBytes);
    const fate = faults.judge('in', this.#memory, this.#senderAt, this.#senderFamily, outerBytes, isProbe);
    if (faults.overtakes !== 0) this.#overtake();
    if (fate === FaultFate.pass) return -1;
    if (fate !== FaultFate.held) return Reasons.in[fate];
    const counters = this.#counters;
    const peer = this.#accountPeer;
    let outcome: DropReason | typeof HELD = HELD;
    for (let copy = 0; copy <= faults.copies; copy++) {
      if (copy > 0) counters.ingressOriginated(1, peer);
      const slot = this.#held.reserve();
      if (slot === NO_SLOT) {
        faults.queueFull();
        if (copy === 0) outcome = DropReason.faultQueueFullIn;
        else counters.drop(DropReason.faultQueueFullIn, 1, peer);
        continue;
      }
      if (copy === 0) counters.ingressReceived(1, 0, peer);
      counters.ingressQueued(1);
      this.#keepIncoming(slot, at, lengthBytes, groSizeBytes);
      this.#hold(slot, copy);
    }
    return outcome;
  }

  /**
   * Puts what is due into the batches, as far as there is room; false: there is nothing. To be called until then, and each time
   * the batches sent, written and cleared, and {@link clear} called.
   */
  release(targets: HeldTargets): boolean {
    if (this.#held.isEmpty) return false;
    const { transmitBatch, relayBatch, ingress } = targets;
    const nowUs = this.#options.nowUs();
    while (hasRoom(transmitBatch) && hasRoom(relayBatch) && ingress.hasRoom()) {
      const slot = this.#held.takeDue(nowUs);
      if (slot === NO_SLOT) break;
      this.#released[this.#releasedCount++] = slot;
      const kind = this.#held.kind[slot]!;
      if (kind === HeldKind.ingress) this.#pushIncoming(slot, ingress);
      else this.#append(slot, kind === HeldKind.relay ? relayBatch : transmitBatch);
    }
    return this.#releasedCount > 0;
  }

  /** What was released has left: its memory may be used again. */
  clear(): void {
    for (let index = 0; index < this.#releasedCount; index++) this.#held.free(this.#released[index]!);
    this.#releasedCount = 0;
  }

  #judgeOutgoing(batch: TransmitBatch, datagram: number): FaultFate {
    const peer = batch.peer[datagram]!;
    const family = this.#forwarding.endpointFamily(peer);
    this.#forwarding.copyEndpointAddress(peer, this.#address, 0);
    const fragmentBytes = batch.outerFragmentBytes[datagram]!;
    const outerBytes = fragmentBytes > 0 ? fragmentBytes : batch.lengthBytes[datagram]! + outerHeadersBytes(family);
    const isProbe = batch.owner[datagram] === DatagramOwner.probe;
    return this.#faults.judge('out', this.#address, 0, family, outerBytes, isProbe);
  }

  /** Returns -1 if the datagram is held, and else why it is dropped. */
  #holdOutgoing(batch: TransmitBatch, datagram: number): DropReason | -1 {
    const { copies } = this.#faults;
    const isRelayed = batch.owner[datagram] === DatagramOwner.relay;
    const full = (isRelayed ? Reasons.relayed : Reasons.out)[FaultFate.held];
    const accountPeer = batch.accountPeer[datagram]!;
    let outcome: DropReason | -1 = -1;
    for (let copy = 0; copy <= copies; copy++) {
      if (copy > 0) {
        if (isRelayed) this.#counters.ingressOriginated(1, accountPeer);
        else this.#counters.egressOriginated(1, accountPeer);
      }
      const slot = this.#held.reserve();
      if (slot === NO_SLOT) {
        this.#faults.queueFull();
        if (copy === 0) outcome = full;
        else this.#counters.drop(full, 1, accountPeer);
        continue;
      }
      if (copy > 0) {
        if (isRelayed) this.#counters.ingressQueued(1);
        else this.#counters.egressQueued(1);
      }
      this.#keepOutgoing(slot, batch, datagram);
      this.#hold(slot, copy);
    }
    return outcome;
  }

  #keepOutgoing(slot: number, batch: TransmitBatch, datagram: number): void {
    const held = this.#held;
    batch.copyInto(datagram, this.#memory, held.at(slot));
    held.kind[slot] = batch.owner[datagram]!;
    held.lengthBytes[slot] = batch.lengthBytes[datagram]!;
    held.innerLengthBytes[slot] = batch.innerLengthBytes[datagram]!;
    held.peer[slot] = batch.peer[datagram]!;
    held.accountPeer[slot] = batch.accountPeer[datagram]!;
    held.socket[slot] = batch.socket[datagram]!;
    held.outerFragmentBytes[slot] = batch.outerFragmentBytes[datagram]!;
    held.trafficClass[slot] = batch.trafficClass[datagram]!;
    held.isAlone[slot] = batch.isAlone[datagram]!;
    held.marks[slot] = batch.marks[datagram]!;
  }

  #keepIncoming(slot: number, at: number, lengthBytes: number, groSizeBytes: number): void {
    const held = this.#held;
    const addressBytes = this.#senderFamily === 4 ? 4 : 16;
    this.#memory.copyWithin(held.at(slot), at, at + lengthBytes);
    this.#memory.copyWithin(held.senderAt(slot), this.#senderAt, this.#senderAt + addressBytes);
    held.kind[slot] = HeldKind.ingress;
    held.lengthBytes[slot] = lengthBytes;
    held.groSizeBytes[slot] = groSizeBytes;
    held.accountPeer[slot] = this.#accountPeer;
    held.senderFamily[slot] = this.#senderFamily;
    held.senderPort[slot] = this.#senderPort;
    held.trafficClass[slot] = this.#trafficClass;
  }

  /** Holds what is in `slot`, damaged if it is to be. Of copies, only the first is overtaken. */
  #hold(slot: number, copy: number): void {
    const { delayUs, corruptBit, overtakenBy } = this.#faults;
    const nowUs = this.#options.nowUs();
    if (corruptBit >= 0) damage(this.#memory, this.#held.at(slot), this.#held.lengthBytes[slot]!, corruptBit);
    if (overtakenBy !== NO_SLOT && copy === 0) this.#held.holdUntilOvertaken(slot, overtakenBy, nowUs);
    else this.#held.hold(slot, nowUs + delayUs);
  }

  #overtake(): void {
    const nowUs = this.#options.nowUs();
    for (let rules = this.#faults.overtakes, rule = 0; rules !== 0; rules >>>= 1, rule++) {
      if ((rules & 1) !== 0) this.#held.overtake(rule, nowUs);
    }
  }

  #append(slot: number, batch: TransmitBatch): void {
    const held = this.#held;
    const datagram = batch.datagramCount;
    // What came from a peer goes elsewhere.
    const owner = held.kind[slot] as DatagramOwner;
    batch.datagram(owner, held.peer[slot]!, held.socket[slot]!, held.innerLengthBytes[slot]!);
    batch.piece(held.at(slot), held.lengthBytes[slot]!);
    batch.accountPeer[datagram] = held.accountPeer[slot]!;
    batch.outerFragmentBytes[datagram] = held.outerFragmentBytes[slot]!;
    batch.trafficClass[datagram] = held.trafficClass[slot]!;
    batch.isAlone[datagram] = held.isAlone[slot]!;
    batch.marks[datagram] = held.marks[slot]!;
    batch.held[datagram] = 1;
  }

  /** It is counted as received, and all the rest, by whoever takes it now. */
  #pushIncoming(slot: number, ingress: HeldTargets['ingress']): void {
    const held = this.#held;
    const accountPeer = held.accountPeer[slot]!;
    this.#counters.ingressReceived(-1, 0, accountPeer);
    this.#counters.ingressQueued(-1);
    this.#isPushing = true;
    ingress.push(
      held.at(slot),
      held.lengthBytes[slot]!,
      held.groSizeBytes[slot]!,
      held.senderFamily[slot] === 6 ? 6 : 4,
      held.senderAt(slot),
      held.trafficClass[slot]!,
      held.senderPort[slot],
    );
    this.#isPushing = false;
  }
}

/** What each fate is called. `held` stands for what could not be. */
const Reasons = {
  out: {
    [FaultFate.lost]: DropReason.faultLossOut,
    [FaultFate.clipped]: DropReason.faultClipOut,
    [FaultFate.held]: DropReason.faultQueueFullOut,
  },
  relayed: {
    [FaultFate.lost]: DropReason.faultLossRelayed,
    [FaultFate.clipped]: DropReason.faultClipRelayed,
    [FaultFate.held]: DropReason.faultQueueFullRelayed,
  },
  in: {
    [FaultFate.lost]: DropReason.faultLossIn,
    [FaultFate.clipped]: DropReason.faultClipIn,
    [FaultFate.held]: DropReason.faultQueueFullIn,
  },
} as const;

function outerHeadersBytes(family: 4 | 6): number {
  return UDP_HEADER_LENGTH + (family === 4 ? IPV4_MIN_HEADER_LENGTH : IPV6_HEADER_LENGTH);
}

function hasRoom(batch: TransmitBatch): boolean {
  return batch.datagramCount < batch.maxDatagrams && batch.pieceCount < batch.maxPieces;
}
