import { Worker } from 'node:worker_threads';
import test from 'ava';
import { Counters, createCountersMemory, readWorkerAccount } from '../../src/dataplane/counters.ts';
import { DropReason } from '../../src/dataplane/drop-reason.ts';
import { residual } from '../support/overlay-node.ts';

test('every reason of a direction is a key of its account, and of no other', (t) => {
  const { egress, ingress } = readWorkerAccount(createCountersMemory(1), 0);
  t.is(egress.dropped['no-route'], 0);
  t.is(ingress.dropped['no-route'], undefined);
  t.is(ingress.dropped['forged-source'], 0);
  t.is(egress.dropped['forged-source'], undefined);
});

test('nothing is seen before it is published', (t) => {
  const memory = createCountersMemory(2);
  const counters = new Counters(memory, 1);
  counters.egressReceived(3, 300, 1);
  counters.drop(DropReason.noRoute, 3, 1);
  t.is(readWorkerAccount(memory, 1).egress.received, 0);
  counters.publish();
  t.is(readWorkerAccount(memory, 1).egress.received, 3);
  t.is(readWorkerAccount(memory, 1).egress.dropped['no-route'], 3);
  t.is(readWorkerAccount(memory, 0).egress.received, 0, 'the other worker has an account of its own');
});

test('each way of a packet is booked on both sides of the equation', (t) => {
  const memory = createCountersMemory(1);
  const counters = new Counters(memory, 0);
  counters.egressReceived(10, 1000, 1);
  counters.egressOriginated(5, 1);
  counters.egressQueued(14);
  counters.egressDelivered(4, 400, 1);
  counters.outerFragmented();
  counters.icmpErrorSuppressed();
  counters.drop(DropReason.noRoute, 1, 1);
  counters.egressSent(6, 600, 1);
  counters.egressFailed(2, DropReason.sendBufferFull, 1);
  counters.ingressReceived(20, 2000, 1);
  counters.ingressQueued(18);
  counters.drop(DropReason.forgedSource, 2, 1);
  counters.ingressDelivered(14, 1400, 1);
  counters.ingressFailed(3, DropReason.tunDown, 1);
  counters.setSocketOverflow(5);
  counters.publish();
  const { egress, ingress, socketOverflow, outerFragmented, icmpErrorsSuppressed, worker } = readWorkerAccount(
    memory,
    0,
  );
  t.is(worker, 0);
  t.like(egress, { received: 10, originated: 5, sent: 6, delivered: 4, queued: 2 });
  t.like(egress, { receivedBytes: 1000, forwardedBytes: 1000 });
  t.like(egress.dropped, { 'no-route': 1, 'send-buffer-full': 2 });
  t.is(residual(egress), 0);
  t.like(ingress, { received: 20, sent: 0, delivered: 14, queued: 1, receivedBytes: 2000, forwardedBytes: 1400 });
  t.like(ingress.dropped, { 'forged-source': 2, 'tun-down': 3 });
  t.is(residual(ingress), 0);
  t.is(socketOverflow, 5);
  t.is(outerFragmented, 1);
  t.is(icmpErrorsSuppressed, 1);
});

test('each publication replaces the one before', (t) => {
  const memory = createCountersMemory(1);
  const counters = new Counters(memory, 0);
  for (let publication = 1; publication <= 5; publication++) {
    counters.egressReceived(1, 100, 1);
    counters.publish();
    t.is(readWorkerAccount(memory, 0).egress.received, publication);
  }
});

test('a worker that does not exist has no account', (t) => {
  const memory = createCountersMemory(1);
  t.throws(() => readWorkerAccount(memory, 1), { instanceOf: RangeError });
  t.throws(() => new Counters(memory, -1), { instanceOf: RangeError });
});

test('while another thread counts, every snapshot satisfies the equation', async (t) => {
  const memory = createCountersMemory(1);
  const worker = new Worker(new URL('../support/counting-worker.ts', import.meta.url), { workerData: memory });
  const exited = new Promise((resolve) => worker.once('exit', resolve));
  await new Promise((resolve) => worker.once('online', resolve));
  let snapshots = 0;
  let changes = 0;
  let last = -1;
  const deadline = Date.now() + 10_000;
  while (changes < 2000 && Date.now() < deadline) {
    const { egress, ingress } = readWorkerAccount(memory, 0);
    if (residual(egress) !== 0 || residual(ingress) !== 0 || egress.received !== ingress.received) {
      t.fail(`snapshot ${snapshots} does not add up: ${JSON.stringify({ egress, ingress })}`);
      break;
    }
    if (egress.received < last) t.fail('a counter went back');
    if (egress.received !== last) changes++;
    last = egress.received;
    snapshots++;
  }
  await worker.terminate();
  await exited;
  t.true(changes >= 100, `only ${changes} changes were seen`);
});
