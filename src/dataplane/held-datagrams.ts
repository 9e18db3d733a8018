/**
 * Datagrams that injected faults hold back: each in a slot of its own, and given out again in the order in which they are due.
 *
 *     hold ──> due at its time ──takeDue──> out, the caller's ──free──> free
 *       └────> waits for the next datagram of its rule to overtake it, but not for long ──┘
 *
 * A slot takes the longest datagram that there is. Memory of slots that were never used is never touched, and costs address
 * space only.
 */
import { MAX_FAULT_RULES } from './fault-rule.ts';
import { NO_SLOT } from './faults.ts';
import { DatagramOwner } from './transmit-batch.ts';

/** Longest datagram, in bytes: what the length field of UDP can say, rounded up. */
export const HELD_SLOT_BYTES = 65_536;

/** Room for the address of a sender: that of IPv6. */
const SENDER_BYTES = 16;

/** How many there may be at a time: what passes in 20 ms at 1 Gbit/s. */
export const HELD_SLOTS = 2_048;

/** How long one waits at most to be overtaken, in microseconds. */
const OVERTAKING_US = 50_000;

/** What a datagram is, and so what becomes of it when it is given out: on its way to a peer, by its owner, or what came from a peer. */
export const HeldKind = { ...DatagramOwner, ingress: 3 } as const;

export type HeldKind = (typeof HeldKind)[keyof typeof HeldKind];

/** Belongs to one worker. Nothing here allocates. */
export class HeldDatagrams {
  readonly slots: number;
  /** Per slot: see {@link HeldKind}; its length; what a `TransmitBatch` says of it, or what came with it. */
  readonly kind: Uint8Array;
  readonly lengthBytes: Int32Array;
  readonly innerLengthBytes: Int32Array;
  readonly peer: Int32Array;
  readonly accountPeer: Int32Array;
  readonly socket: Int32Array;
  readonly outerFragmentBytes: Int32Array;
  readonly trafficClass: Uint8Array;
  readonly isAlone: Uint8Array;
  readonly marks: Uint8Array;
  /** Per slot, of what came from a peer: family and port of its underlay address, which is at {@link senderAt}, and its `UDP_GRO` size. */
  readonly senderFamily: Uint8Array;
  readonly senderPort: Uint16Array;
  readonly groSizeBytes: Int32Array;
  readonly #at: number;
  readonly #sendersAt: number;
  /** Per slot: when it is due, in microseconds, and the order of those due at the same time. */
  readonly #dueUs: Float64Array;
  readonly #order: Float64Array;
  /** Slots that nobody uses. */
  readonly #free: Int32Array;
  #freeCount: number;
  /** Slots by the time at which they are due: a binary heap. */
  readonly #heap: Int32Array;
  #heapCount = 0;
  /** Per rule: the slot of the datagram that waits to be overtaken, or {@link NO_SLOT}. */
  readonly #overtaken = new Int32Array(MAX_FAULT_RULES).fill(NO_SLOT);
  #overtakenCount = 0;
  #count = 0;

  /** Bytes of memory that `slots` slots take. */
  static memoryBytes(slots: number): number {
    return slots * (HELD_SLOT_BYTES + SENDER_BYTES);
  }

  /** @param area of {@link HeldDatagrams.memoryBytes} bytes. */
  constructor(area: { readonly at: number; readonly lengthBytes: number }) {
    const slots = Math.floor(area.lengthBytes / (HELD_SLOT_BYTES + SENDER_BYTES));
    this.slots = slots;
    this.#at = area.at;
    this.#sendersAt = area.at + slots * HELD_SLOT_BYTES;
    this.kind = new Uint8Array(slots);
    this.lengthBytes = new Int32Array(slots);
    this.innerLengthBytes = new Int32Array(slots);
    this.peer = new Int32Array(slots);
    this.accountPeer = new Int32Array(slots);
    this.socket = new Int32Array(slots);
    this.outerFragmentBytes = new Int32Array(slots);
    this.trafficClass = new Uint8Array(slots);
    this.isAlone = new Uint8Array(slots);
    this.marks = new Uint8Array(slots);
    this.senderFamily = new Uint8Array(slots);
    this.senderPort = new Uint16Array(slots);
    this.groSizeBytes = new Int32Array(slots);
    this.#dueUs = new Float64Array(slots);
    this.#order = new Float64Array(slots);
    this.#heap = new Int32Array(slots);
    // The first ones are used again and again, and those behind them stay untouched.
    this.#free = Int32Array.from({ length: slots }, (_, index) => slots - 1 - index);
    this.#freeCount = slots;
  }

  /** Where the datagram in `slot` is. */
  at(slot: number): number {
    return this.#at + slot * HELD_SLOT_BYTES;
  }

  /** Where the underlay address of its sender is. */
  senderAt(slot: number): number {
    return this.#sendersAt + slot * SENDER_BYTES;
  }

  /** Whether all slots are free. */
  get isEmpty(): boolean {
    return this.#freeCount === this.slots;
  }

  /** A free slot, to be filled in and then given to {@link hold} or {@link holdUntilOvertaken}; {@link NO_SLOT} if there is none. */
  reserve(): number {
    return this.#freeCount === 0 ? NO_SLOT : this.#free[--this.#freeCount]!;
  }

  /** Holds what is in `slot` until `dueUs`. */
  hold(slot: number, dueUs: number): void {
    this.#dueUs[slot] = dueUs;
    this.#order[slot] = this.#count++;
    this.#heap[this.#heapCount] = slot;
    this.#rise(this.#heapCount++);
  }

  /** Holds what is in `slot` until {@link overtake} is called for the rule; it is due by itself some time later. */
  holdUntilOvertaken(slot: number, rule: number, nowUs: number): void {
    this.overtake(rule, nowUs);
    this.#overtaken[rule] = slot;
    this.#overtakenCount++;
    this.#dueUs[slot] = nowUs + OVERTAKING_US;
  }

  /** Whether a datagram waits for the rule. */
  isWaiting(rule: number): boolean {
    return this.#overtaken[rule] !== NO_SLOT;
  }

  /** What waits for the rule is due now: another datagram went ahead of it. */
  overtake(rule: number, nowUs: number): void {
    const slot = this.#overtaken[rule]!;
    if (slot === NO_SLOT) return;
    this.#overtaken[rule] = NO_SLOT;
    this.#overtakenCount--;
    this.hold(slot, nowUs);
  }

  /** When something is due next, in microseconds; -1: nothing is held. */
  nextDueUs(): number {
    let next = this.#heapCount === 0 ? -1 : this.#dueUs[this.#heap[0]!]!;
    for (let rule = 0; this.#overtakenCount > 0 && rule < MAX_FAULT_RULES; rule++) {
      const slot = this.#overtaken[rule]!;
      if (slot !== NO_SLOT && (next === -1 || this.#dueUs[slot]! < next)) next = this.#dueUs[slot]!;
    }
    return next;
  }

  /** The slot that is due first, if it is by now: the caller's, until it calls {@link free}. {@link NO_SLOT}: there is none. */
  takeDue(nowUs: number): number {
    for (let rule = 0; this.#overtakenCount > 0 && rule < MAX_FAULT_RULES; rule++) {
      const slot = this.#overtaken[rule]!;
      if (slot !== NO_SLOT && this.#dueUs[slot]! <= nowUs) this.overtake(rule, nowUs);
    }
    if (this.#heapCount === 0) return NO_SLOT;
    const slot = this.#heap[0]!;
    if (this.#dueUs[slot]! > nowUs) return NO_SLOT;
    this.#heap[0] = this.#heap[--this.#heapCount]!;
    this.#sink(0);
    return slot;
  }

  /** Nobody needs `slot` any more. */
  free(slot: number): void {
    this.#free[this.#freeCount++] = slot;
  }

  #isBefore(left: number, right: number): boolean {
    const [a, b] = [this.#dueUs[left]!, this.#dueUs[right]!];
    return a < b || (a === b && this.#order[left]! < this.#order[right]!);
  }

  #rise(from: number): void {
    const heap = this.#heap;
    for (let at = from; at > 0;) {
      const parent = (at - 1) >> 1;
      if (!this.#isBefore(heap[at]!, heap[parent]!)) return;
      this.#swap(at, parent);
      at = parent;
    }
  }

  #sink(from: number): void {
    const heap = this.#heap;
    for (let at = from; ;) {
      const [left, right] = [2 * at + 1, 2 * at + 2];
      let first = at;
      if (left < this.#heapCount && this.#isBefore(heap[left]!, heap[first]!)) first = left;
      if (right < this.#heapCount && this.#isBefore(heap[right]!, heap[first]!)) first = right;
      if (first === at) return;
      this.#swap(at, first);
      at = first;
    }
  }

  #swap(one: number, other: number): void {
    const heap = this.#heap;
    const slot = heap[one]!;
    heap[one] = heap[other]!;
    heap[other] = slot;
  }
}
