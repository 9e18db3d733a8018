/**
 * A worker that reads a forwarding table over and over, of which each state leads all addresses to one peer and nobody else.
 * Writes into `progress`: how many batches it did, and how many of them saw more than one state.
 */
import { workerData } from 'node:worker_threads';
import { type ForwardingMemory, ForwardingReader } from '../../src/dataplane/forwarding-table.ts';

const { memory, progress, worker, lookups } = workerData as {
  memory: ForwardingMemory;
  progress: Int32Array;
  worker: number;
  lookups: number;
};
const reader = new ForwardingReader(memory, worker);
const address = Uint8Array.of(10, 0, 0, 0);
for (;;) {
  reader.enter();
  const first = reader.lookup(address, 0, 4);
  let isTorn = false;
  for (let index = 0; index < lookups; index++) {
    address[2] = index;
    const peer = reader.lookup(address, 0, 4);
    if (peer !== first || (peer > 0 && reader.mtuOf(peer) !== 1000 + peer)) isTorn = true;
  }
  reader.leave();
  Atomics.add(progress, 0, 1);
  if (isTorn) Atomics.add(progress, 1, 1);
}
