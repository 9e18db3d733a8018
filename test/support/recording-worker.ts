/** A worker that records, as fast as it can and until it is terminated, packets whose fields all say the same. */
import { workerData } from 'node:worker_threads';
import { FlightRecorder, type FlightRecorderMemory } from '../../src/dataplane/flight-recorder.ts';
import { Hook } from '../../src/dataplane/hook.ts';

const PACKETS_PER_TURN = 100;
const MAX_PEER = 65_535;

const memory = new Uint8Array(4096);
// IPv4, and a protocol without ports: 28 bytes of header, as its length says.
memory[0] = 0x47;
const forwarding = { generation: 0 };
const recorder = new FlightRecorder({
  memory,
  recorder: workerData as FlightRecorderMemory,
  worker: 0,
  forwarding,
  readTime: (time) => time.fill(1),
});

for (let peer = 100; ; peer = peer === MAX_PEER ? 100 : peer + 1) {
  memory.fill(peer & 0xff, 24, 28);
  forwarding.generation = peer;
  recorder.forwarded(Hook.toPod, 1, peer, 0, peer, 1, 0);
  if (peer % PACKETS_PER_TURN === 0) recorder.endTurn();
}
