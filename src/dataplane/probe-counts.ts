/**
 * How many path probes of each peer this node has seen, relayed ones excepted. In memory that all workers share: the kernel
 * spreads the requests of one peer over them by their source ports. Memory of peers that do not exist is never touched, and
 * costs address space only.
 */

/** Memory that all workers share; it may be posted. */
export type ProbeCountsMemory = Int32Array<SharedArrayBuffer>;

/** Memory for peers 0 to `maxPeers`, all zero. */
export function createProbeCountsMemory(maxPeers: number): ProbeCountsMemory {
  return new Int32Array(new SharedArrayBuffer((maxPeers + 1) * Int32Array.BYTES_PER_ELEMENT));
}

/** Counts one more request of `peer`, modulo 2^32. */
export function countProbe(memory: ProbeCountsMemory, peer: number): void {
  // 0 says on the wire that nobody counts.
  if (Atomics.add(memory, peer, 1) === -1) Atomics.add(memory, peer, 1);
}

/** Requests of `peer` so far: 0 before the first, and never again. */
export function probesSeen(memory: ProbeCountsMemory, peer: number): number {
  return Atomics.load(memory, peer);
}
