/**
 * Counters of one worker, and how the main thread reads them. Unit: inner IP packets, as in `accounts.ts`.
 *
 * The worker counts in memory of its own and copies everything at the end of a batch, when the equation holds, so that a
 * reader never sees half a batch. Chosen: a sequence lock over two copies. Instead of: atomic counters. Because: one counter
 * at a time is no snapshot, and an atomic addition per packet costs more than copying half a kilobyte per batch. Instead
 * of: one copy. Because: a reader would have to wait for a worker that was preempted, or died, in the middle of copying.
 *
 * Values are doubles: exact to 2^53, and plain to read and write.
 */
import type { DirectionAccount, WorkerAccount } from './accounts.ts';
import { type DropReason, dropReasonNumbers, dropReasons } from './drop-reason.ts';
import { createPeerCountersMemory, PeerCounters, PeerDirection, PeerField } from './peer-counters.ts';

/** Layout of one worker's values, in doubles. Egress, ingress, then one per drop reason: each knows its direction. */
const Field = {
  received: PeerField.received,
  originated: PeerField.originated,
  sent: PeerField.sent,
  delivered: PeerField.delivered,
  relayed: PeerField.relayed,
  queued: 5,
  receivedBytes: 6,
  forwardedBytes: 7,
} as const;
const FIELDS_PER_DIRECTION = 8;
const EGRESS = 0;
const INGRESS = FIELDS_PER_DIRECTION;
const SOCKET_OVERFLOW = 2 * FIELDS_PER_DIRECTION;
const OUTER_FRAGMENTED = SOCKET_OVERFLOW + 1;
const ICMP_ERRORS_SUPPRESSED = OUTER_FRAGMENTED + 1;
const DROPPED = ICMP_ERRORS_SUPPRESSED + 1;
const FIELD_COUNT = DROPPED + dropReasons.length;

/** Per number of a drop reason: its field here, and what it is in the account of a peer. Numbers have gaps, fields have none. */
const droppedField = new Uint16Array(Math.max(...dropReasonNumbers) + 1);
const peerDroppedField = new Uint8Array(droppedField.length);
dropReasons.forEach(({ direction }, index) => {
  droppedField[dropReasonNumbers[index]!] = DROPPED + index;
  peerDroppedField[dropReasonNumbers[index]!] = PeerDirection[direction] + PeerField.dropped;
});

/** A cache line: two workers never write into the same one. */
const CACHE_LINE_BYTES = 64;
/** Before the copies: how often was published, modulo 2^32, and a word that only serves as a fence. */
const HEADER_BYTES = CACHE_LINE_BYTES;
const Word = { sequence: 0, fence: 1 } as const;
/** Publication number n is in copy n modulo 2. */
const COPY_BYTES = Math.ceil((FIELD_COUNT * 8) / CACHE_LINE_BYTES) * CACHE_LINE_BYTES;
const WORKER_BYTES = HEADER_BYTES + 2 * COPY_BYTES;

/** Memory that the main thread and all workers share; it may be posted. */
export interface CountersMemory {
  readonly workers: number;
  readonly buffer: SharedArrayBuffer;
}

/** Memory for the counters of `workers` workers, all zero. */
export function createCountersMemory(workers: number): CountersMemory {
  return { workers, buffer: new SharedArrayBuffer(workers * WORKER_BYTES) };
}

/** The worker's side: each packet is counted for the worker, and for its peer. Nothing here allocates. */
export class Counters {
  readonly #values = new Float64Array(FIELD_COUNT);
  readonly #peers: PeerCounters;
  readonly #words: Int32Array;
  readonly #copies: readonly [Float64Array, Float64Array];

  /**
   * @param peers counts the same by peer; without it nobody looks at that.
   * @throws RangeError if `memory` has no such worker.
   */
  constructor(memory: CountersMemory, worker: number, peers = new PeerCounters(createPeerCountersMemory(1, 0), 0)) {
    this.#words = wordsOf(memory, worker);
    this.#copies = [copyOf(memory, worker, 0), copyOf(memory, worker, 1)];
    this.#peers = peers;
  }

  /** Read from the TUN device, for `peer`: `packets` packets of `lengthBytes` bytes together. */
  egressReceived(packets: number, lengthBytes: number, peer: number): void {
    this.#egress(Field.received, packets, peer);
    this.#add(EGRESS + Field.receivedBytes, lengthBytes);
  }

  /** Made by this worker: errors for pods, fragments beyond the first, probes, copies of faults. */
  egressOriginated(packets: number, peer: number): void {
    this.#egress(Field.originated, packets, peer);
  }

  /** Put into a batch, where they wait to be sent or delivered. */
  egressQueued(packets: number): void {
    this.#add(EGRESS + Field.queued, packets);
  }

  /** Left for the underlay, out of the batch. */
  egressSent(packets: number, lengthBytes: number, peer: number): void {
    this.#add(EGRESS + Field.queued, -packets);
    this.#egress(Field.sent, packets, peer);
    this.#add(EGRESS + Field.forwardedBytes, lengthBytes);
  }

  /** Written to the TUN device, out of the batch: errors for pods. */
  egressDelivered(packets: number, lengthBytes: number, peer: number): void {
    this.#add(EGRESS + Field.queued, -packets);
    this.#egress(Field.delivered, packets, peer);
    this.#add(EGRESS + Field.forwardedBytes, lengthBytes);
  }

  /** Of a packet that is counted as sent: its outer packet was fragmented. */
  outerFragmented(): void {
    this.#add(OUTER_FRAGMENTED, 1);
  }

  /** An ICMP error for a pod was one too many, and was not made. */
  icmpErrorSuppressed(): void {
    this.#add(ICMP_ERRORS_SUPPRESSED, 1);
  }

  /** Could not be sent, out of the batch. */
  egressFailed(packets: number, reason: DropReason, peer: number): void {
    this.#add(EGRESS + Field.queued, -packets);
    this.drop(reason, packets, peer);
  }

  /** Came from the underlay, from `peer`: `packets` packets of `lengthBytes` bytes together. */
  ingressReceived(packets: number, lengthBytes: number, peer: number): void {
    this.#ingress(Field.received, packets, peer);
    this.#add(INGRESS + Field.receivedBytes, lengthBytes);
  }

  /** Made by this worker: copies of faults. */
  ingressOriginated(packets: number, peer: number): void {
    this.#ingress(Field.originated, packets, peer);
  }

  /** Came from the underlay for the node itself, which has them: path probes. `lengthBytes` is of all together. */
  ingressConsumed(packets: number, lengthBytes: number, peer: number): void {
    this.ingressReceived(packets, lengthBytes, peer);
    this.#ingress(Field.delivered, packets, peer);
    this.#add(INGRESS + Field.forwardedBytes, lengthBytes);
  }

  /** Put into the batch for the TUN device or for another peer, where they wait to be written or sent. */
  ingressQueued(packets: number): void {
    this.#add(INGRESS + Field.queued, packets);
  }

  /** Written to the TUN device, out of the batch. */
  ingressDelivered(packets: number, lengthBytes: number, peer: number): void {
    this.#add(INGRESS + Field.queued, -packets);
    this.#ingress(Field.delivered, packets, peer);
    this.#add(INGRESS + Field.forwardedBytes, lengthBytes);
  }

  /** Passed on to another peer, out of the batch. */
  ingressRelayed(packets: number, lengthBytes: number, peer: number): void {
    this.#add(INGRESS + Field.queued, -packets);
    this.#ingress(Field.relayed, packets, peer);
    this.#add(INGRESS + Field.forwardedBytes, lengthBytes);
  }

  /** Could not be written, or passed on, out of the batch. */
  ingressFailed(packets: number, reason: DropReason, peer: number): void {
    this.#add(INGRESS + Field.queued, -packets);
    this.drop(reason, packets, peer);
  }

  /** `packets` packets were received and go nowhere. The reason names the direction. */
  drop(reason: DropReason, packets: number, peer: number): void {
    this.#add(droppedField[reason]!, packets);
    this.#peers.add(peer, peerDroppedField[reason]!, packets);
  }

  /** Datagrams that the kernel dropped before this worker could read them, since it started. */
  setSocketOverflow(datagrams: number): void {
    this.#values[SOCKET_OVERFLOW] = datagrams;
  }

  /** Shows everything counted so far to the readers. Call it at the end of each batch, when the equation holds. */
  publish(): void {
    const words = this.#words;
    const next = (Atomics.load(words, Word.sequence) + 1) | 0;
    const copy = (next & 1) === 0 ? this.#copies[0] : this.#copies[1];
    copy.set(this.#values);
    Atomics.store(words, Word.sequence, next);
    // Keeps the copying of the next publication, into the other copy, from being seen before this one on any processor.
    Atomics.load(words, Word.sequence);
  }

  /** @param field one that workers and peers have. */
  #egress(field: number, packets: number, peer: number): void {
    this.#add(EGRESS + field, packets);
    this.#peers.add(peer, PeerDirection.egress + field, packets);
  }

  /** @param field one that workers and peers have. */
  #ingress(field: number, packets: number, peer: number): void {
    this.#add(INGRESS + field, packets);
    this.#peers.add(peer, PeerDirection.ingress + field, packets);
  }

  #add(field: number, amount: number): void {
    this.#values[field] = this.#values[field]! + amount;
  }
}

/**
 * The account of `worker` as it last published it: one consistent snapshot. Never waits for the worker; only starts
 * again if it published meanwhile.
 *
 * @throws RangeError if `memory` has no such worker.
 */
export function readWorkerAccount(memory: CountersMemory, worker: number): WorkerAccount {
  const words = wordsOf(memory, worker);
  const copies = [copyOf(memory, worker, 0), copyOf(memory, worker, 1)] as const;
  const values = new Float64Array(FIELD_COUNT);
  for (;;) {
    const before = Atomics.load(words, Word.sequence);
    values.set((before & 1) === 0 ? copies[0] : copies[1]);
    // The store keeps the load of the sequence from being done before the copying, which a load alone would not.
    Atomics.store(words, Word.fence, 0);
    if (Atomics.load(words, Word.sequence) === before) break;
  }
  return {
    worker,
    egress: directionAccount(values, EGRESS, 'egress'),
    ingress: directionAccount(values, INGRESS, 'ingress'),
    socketOverflow: values[SOCKET_OVERFLOW]!,
    outerFragmented: values[OUTER_FRAGMENTED]!,
    icmpErrorsSuppressed: values[ICMP_ERRORS_SUPPRESSED]!,
  };
}

function directionAccount(values: Float64Array, at: number, direction: 'egress' | 'ingress'): DirectionAccount {
  const dropped: Record<string, number> = {};
  dropReasons.forEach((entry, index) => {
    if (entry.direction === direction) dropped[entry.name] = values[DROPPED + index]!;
  });
  return {
    received: values[at + Field.received]!,
    originated: values[at + Field.originated]!,
    sent: values[at + Field.sent]!,
    delivered: values[at + Field.delivered]!,
    relayed: values[at + Field.relayed]!,
    dropped,
    queued: values[at + Field.queued]!,
    receivedBytes: values[at + Field.receivedBytes]!,
    forwardedBytes: values[at + Field.forwardedBytes]!,
  };
}

function wordsOf(memory: CountersMemory, worker: number): Int32Array {
  if (worker < 0 || worker >= memory.workers) throw new RangeError(`there is no worker ${worker}`);
  return new Int32Array(memory.buffer, worker * WORKER_BYTES, 2);
}

function copyOf(memory: CountersMemory, worker: number, copy: 0 | 1): Float64Array {
  const at = worker * WORKER_BYTES + HEADER_BYTES + copy * COPY_BYTES;
  return new Float64Array(memory.buffer, at, FIELD_COUNT);
}
