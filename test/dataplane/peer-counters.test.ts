import test from 'ava';
import { PeerCounters, createPeerCountersMemory, readPeerCounters } from '../../src/dataplane/peer-counters.ts';

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

test('a worker that does not exist is refused', (t) => {
  t.throws(() => new PeerCounters(createPeerCountersMemory(1, 1), 1), { instanceOf: RangeError });
});
