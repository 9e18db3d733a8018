/**
 * What was sent to each peer, in memory that the main thread reads while workers count.
 *
 * Each worker has a table of its own, so that nobody waits for anybody. Chosen: no snapshot, other than in `counters.ts`.
 * Because: nothing is added up over peers, and 65 535 of them are too many to copy per batch. A value is a double at a
 * multiple of eight bytes, which no processor that weft runs on reads by halves. Memory of peers that do not exist is
 * never touched, and costs address space only.
 */

const Field = { packets: 0, bytes: 1 } as const;
const FIELDS_PER_PEER = 2;
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

  /** `packets` inner packets of `lengthBytes` bytes together left for `peer`. */
  sent(peer: number, packets: number, lengthBytes: number): void {
    const values = this.#values;
    const at = peer * FIELDS_PER_PEER;
    values[at + Field.packets] = values[at + Field.packets]! + packets;
    values[at + Field.bytes] = values[at + Field.bytes]! + lengthBytes;
  }
}

/** What was sent to `peer` so far. Numbers of peers are used again: whoever compares takes the difference. */
export function readPeerCounters(memory: PeerCountersMemory, peer: number): PeerCount {
  let packets = 0;
  let bytes = 0;
  for (let worker = 0; worker < memory.workers; worker++) {
    const values = valuesOf(memory, worker);
    const at = peer * FIELDS_PER_PEER;
    packets += values[at + Field.packets] ?? 0;
    bytes += values[at + Field.bytes] ?? 0;
  }
  return { packets, bytes };
}

function valuesOf(memory: PeerCountersMemory, worker: number): Float64Array {
  if (worker < 0 || worker >= memory.workers) throw new RangeError(`there is no worker ${worker}`);
  const length = (memory.maxPeers + 1) * FIELDS_PER_PEER;
  return new Float64Array(memory.buffer, worker * length * VALUE_BYTES, length);
}
