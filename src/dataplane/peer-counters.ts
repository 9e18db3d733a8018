/**
 * The accounts of each peer, in memory that the main thread reads while workers count. Unit: inner IP packets, as in `accounts.ts`.
 *
 * A packet is in the account of the peer that it goes to (egress) or came from (ingress, also when it is passed on to another);
 * peer 0 stands for none that is known: dropped before its route was found, from a stranger, an error that a pod is told. For each
 * peer and direction the same equation holds as for the worker, and over all peers every account adds up to the worker's. What of a
 * peer is `queued` is not counted, which would cost two additions per packet, but what is left over: nothing, when nothing waits.
 *
 * Each worker has a table of its own, so that nobody waits for anybody. Chosen: no snapshot, other than in `counters.ts`.
 * Because: 65 535 peers are too many to copy per batch; who reads in the middle of a batch sees the difference as `queued`. A value
 * is a double at a multiple of eight bytes, which no processor that weft runs on reads by halves. Memory of peers that do not exist
 * is never touched, and costs address space only.
 */

/** Fields of one direction of a peer, from {@link PeerDirection} on. Those but the last are also the first of a worker. */
export const PeerField = { received: 0, originated: 1, sent: 2, delivered: 3, relayed: 4, dropped: 5 } as const;

/** Where the fields of a direction begin. */
export const PeerDirection = { egress: 0, ingress: 6 } as const;

/** What pods, and peers for which this node relays, sent to the peer: packets, and bytes. Path probes are not among them. */
const Traffic = { packets: 12, bytes: 13 } as const;
/** Two cache lines. */
const FIELDS_PER_PEER = 16;
const VALUE_BYTES = 8;

/** Memory that the main thread and all workers share; it may be posted. */
export interface PeerCountersMemory {
  readonly workers: number;
  readonly maxPeers: number;
  readonly buffer: SharedArrayBuffer;
}

/** What was sent to one peer, by all workers together. */
export interface PeerCount {
  /** Inner IP packets, counted after segmentation and fragmentation. */
  readonly packets: number;
  /** Bytes of those packets. */
  readonly bytes: number;
}

/** One direction of one peer: received + originated = sent + delivered + relayed + dropped + queued. */
export type PeerDirectionAccount = Readonly<Record<keyof typeof PeerField | 'queued', number>>;

/** Both directions of one peer. */
export interface PeerAccount {
  /** To the peer. */
  readonly egress: PeerDirectionAccount;
  /** From the peer. */
  readonly ingress: PeerDirectionAccount;
}

/** Memory for `workers` workers and peers 0 to `maxPeers`, all zero. */
export function createPeerCountersMemory(workers: number, maxPeers: number): PeerCountersMemory {
  const buffer = new SharedArrayBuffer(workers * (maxPeers + 1) * FIELDS_PER_PEER * VALUE_BYTES);
  return { workers, maxPeers, buffer };
}

/** A worker's side. Nothing here allocates. */
export class PeerCounters {
  readonly #values: Float64Array;

  /** @throws RangeError if `memory` has no such worker. */
  constructor(memory: PeerCountersMemory, worker: number) {
    this.#values = valuesOf(memory, worker);
  }

  /** Adds to `field`, the sum of a {@link PeerDirection} and a {@link PeerField}. `Counters` does, for the worker and the peer alike. */
  add(peer: number, field: number, amount: number): void {
    const values = this.#values;
    const at = peer * FIELDS_PER_PEER + field;
    values[at] = values[at]! + amount;
  }

  /** `packets` inner packets of `lengthBytes` bytes together left for `peer`, whoever they are from. */
  sent(peer: number, packets: number, lengthBytes: number): void {
    this.add(peer, Traffic.packets, packets);
    this.add(peer, Traffic.bytes, lengthBytes);
  }
}

/** What was sent to `peer` so far. Numbers of peers are used again: whoever compares takes the difference. */
export function readPeerCounters(memory: PeerCountersMemory, peer: number): PeerCount {
  return {
    packets: total(memory, peer, Traffic.packets),
    bytes: total(memory, peer, Traffic.bytes),
  };
}

/** The account of `peer` so far, of all workers together. */
export function readPeerAccount(memory: PeerCountersMemory, peer: number): PeerAccount {
  return {
    egress: directionAccount(memory, peer, PeerDirection.egress),
    ingress: directionAccount(memory, peer, PeerDirection.ingress),
  };
}

function directionAccount(memory: PeerCountersMemory, peer: number, direction: number): PeerDirectionAccount {
  const read = (field: number): number => total(memory, peer, direction + field);
  // What is settled is read before what it was settled of, which a worker counts first: there is never more of it.
  const sent = read(PeerField.sent);
  const delivered = read(PeerField.delivered);
  const relayed = read(PeerField.relayed);
  const dropped = read(PeerField.dropped);
  const received = read(PeerField.received);
  const originated = read(PeerField.originated);
  const queued = received + originated - sent - delivered - relayed - dropped;
  return { received, originated, sent, delivered, relayed, dropped, queued };
}

function total(memory: PeerCountersMemory, peer: number, field: number): number {
  let sum = 0;
  for (let worker = 0; worker < memory.workers; worker++) {
    sum += valuesOf(memory, worker)[peer * FIELDS_PER_PEER + field] ?? 0;
  }
  return sum;
}

function valuesOf(memory: PeerCountersMemory, worker: number): Float64Array {
  if (worker < 0 || worker >= memory.workers) throw new RangeError(`there is no worker ${worker}`);
  const length = (memory.maxPeers + 1) * FIELDS_PER_PEER;
  return new Float64Array(memory.buffer, worker * length * VALUE_BYTES, length);
}
