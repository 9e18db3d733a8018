/** A thread that reads a ring of taps until it is told that nothing more comes, and looks whether each record is whole. */
import { parentPort, workerData } from 'node:worker_threads';
import { TAP_HEADER_BYTES, TapField } from '../../src/dataplane/tap-record.ts';
import { type TapRingMemory, TapRingReader } from '../../src/dataplane/tap-ring.ts';

const { memory, done } = workerData as { memory: TapRingMemory; done: Int32Array };
const reader = new TapRingReader(memory);
let [numbers, faults, last] = [0, 0, -1];

for (;;) {
  const isDone = Atomics.load(done, 0) !== 0;
  for (let view = reader.peek(); view !== undefined; view = reader.peek()) {
    const header = new DataView(view.bytes.buffer, view.bytes.byteOffset + view.at, TAP_HEADER_BYTES);
    const number = header.getUint32(TapField.peer, true);
    const start = view.at + TAP_HEADER_BYTES;
    const end = start + header.getUint32(TapField.capturedBytes, true);
    let isWhole = number > last;
    for (let at = start; at < end; at++) isWhole &&= view.bytes[at] === (number & 0xff);
    if (!isWhole) faults++;
    last = number;
    numbers++;
    reader.advance();
  }
  if (isDone) break;
}
const found = { numbers, lost: reader.lost, faults };
parentPort?.postMessage(found, []);
