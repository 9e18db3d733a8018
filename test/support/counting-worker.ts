/** A worker that counts and publishes until it is terminated. */
import { workerData } from 'node:worker_threads';
import { Counters, type CountersMemory } from '../../src/dataplane/counters.ts';
import { DropReason } from '../../src/dataplane/drop-reason.ts';

const counters = new Counters(workerData as CountersMemory, 0);
// As many packets as in a batch: a real worker, too, counts for longer than it publishes.
const PACKETS_PER_BATCH = 100;

for (;;) {
  for (let packet = 0; packet < PACKETS_PER_BATCH; packet++) {
    counters.egressReceived(7, 700, 1);
    counters.egressQueued(4);
    counters.drop(DropReason.noRoute, 3, 1);
    counters.egressSent(3, 300, 1);
    counters.ingressReceived(7, 700, 1);
    counters.drop(DropReason.unknownSender, 6, 1);
    counters.ingressQueued(1);
    counters.ingressFailed(1, DropReason.tunDown, 1);
  }
  counters.publish();
}
