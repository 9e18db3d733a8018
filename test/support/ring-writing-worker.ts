/** A thread that writes records into a ring, in bursts with pauses between them. */
import { workerData } from 'node:worker_threads';
import { TAP_HEADER_BYTES, TapField } from '../../src/dataplane/tap-record.ts';
import { type TapRingMemory, TapRingWriter } from '../../src/dataplane/tap-ring.ts';

/** What it is told. */
export interface RingWritingTask {
  readonly memory: TapRingMemory;
  readonly records: number;
  /** Between two bursts, in ms. */
  readonly pauseMs: number;
}

const { memory, records, pauseMs } = workerData as RingWritingTask;
const writer = new TapRingWriter(memory);
const never = new Int32Array(new SharedArrayBuffer(4));

for (let number = 0; number < records; number++) {
  // One, two or three at a time: the reader may be on its way to sleep, or just woken.
  if (number % 7 === 0 || number % 3 === 0) Atomics.wait(never, 0, 0, pauseMs);
  const at = writer.reserve(TAP_HEADER_BYTES);
  writer.words[(at + TapField.peer) >> 2] = number;
  writer.words[(at + TapField.capturedBytes) >> 2] = 0;
  writer.commit();
}
