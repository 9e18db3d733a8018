import test from 'ava';
import { Counters, createCountersMemory } from '../../src/dataplane/counters.ts';
import { DropReason } from '../../src/dataplane/drop-reason.ts';
import {
  PeerCounters,
  createPeerCountersMemory,
  readPeerAccount,
  readPeerCounters,
} from '../../src/dataplane/peer-counters.ts';

test('what all workers sent to a peer is added up', (t) => {
  const memory = createPeerCountersMemory(2, 65_535);
  const workers = [new PeerCounters(memory, 0), new PeerCounters(memory, 1)];
  workers[0]!.sent(7, 1, 100);
  workers[0]!.sent(7, 2, 2000);
  workers[1]!.sent(7, 1, 50);
  workers[1]!.sent(65_535, 1, 1);
  t.deepEqual(readPeerCounters(memory, 7), { packets: 4, bytes: 2150 });
  t.deepEqual(readPeerCounters(memory, 65_535), { packets: 1, bytes: 1 });
  t.deepEqual(readPeerCounters(memory, 0), { packets: 0, bytes: 0 });
});

test('the account of a peer has both directions, and what is left over is queued', (t) => {
  const memory = createPeerCountersMemory(2, 9);
  const counters = new Counters(createCountersMemory(2), 1, new PeerCounters(memory, 1));
  counters.egressReceived(10, 1_000, 7);
  counters.egressOriginated(2, 7);
  counters.egressSent(6, 600, 7);
  counters.egressDelivered(1, 100, 7);
  counters.drop(DropReason.packetTooBig, 1, 7);
  counters.egressFailed(1, DropReason.sendFailed, 7);
  counters.ingressReceived(5, 500, 7);
  counters.ingressRelayed(2, 200, 7);
  counters.ingressDelivered(1, 100, 7);
  counters.ingressFailed(1, DropReason.tunDown, 7);
  counters.ingressReceived(1, 100, 0);
  counters.drop(DropReason.unknownSender, 1, 0);
  const none = { received: 0, originated: 0, sent: 0, delivered: 0, relayed: 0, dropped: 0, queued: 0 };
  t.deepEqual(readPeerAccount(memory, 7), {
    egress: { ...none, received: 10, originated: 2, sent: 6, delivered: 1, dropped: 2, queued: 3 },
    ingress: { ...none, received: 5, relayed: 2, delivered: 1, dropped: 1, queued: 1 },
  });
  t.deepEqual(readPeerAccount(memory, 0), { egress: none, ingress: { ...none, received: 1, dropped: 1 } });
  t.deepEqual(readPeerCounters(memory, 7), { packets: 0, bytes: 0 });
});

test('a worker that does not exist is refused', (t) => {
  t.throws(() => new PeerCounters(createPeerCountersMemory(1, 1), 1), { instanceOf: RangeError });
});
