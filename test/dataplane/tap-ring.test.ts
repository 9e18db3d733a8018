import { Worker } from 'node:worker_threads';
import test from 'ava';
import { TAP_HEADER_BYTES, TapField } from '../../src/dataplane/tap-record.ts';
import { createTapRingMemory, TapRingReader, TapRingWriter } from '../../src/dataplane/tap-ring.ts';
import type { RingWritingTask } from '../support/ring-writing-worker.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';

const SEED = Number(process.env['SEED'] ?? 1);
const RECORDS = 20_000;

/** Writes a record of `lengthBytes` bytes behind its header, each the low octet of `number`. */
function write(writer: TapRingWriter, number: number, lengthBytes: number): boolean {
  const at = writer.reserve(TAP_HEADER_BYTES + lengthBytes);
  if (at === -1) return false;
  writer.words[(at + TapField.peer) >> 2] = number;
  writer.words[(at + TapField.capturedBytes) >> 2] = lengthBytes;
  writer.bytes.fill(number & 0xff, at + TAP_HEADER_BYTES, at + TAP_HEADER_BYTES + lengthBytes);
  writer.commit();
  return true;
}

/** Takes the next record: its number, and how long it is. Throws if its bytes are not those that were written. */
function read(reader: TapRingReader): { number: number; lengthBytes: number } | undefined {
  const view = reader.peek();
  if (view === undefined) return undefined;
  const header = new DataView(view.bytes.buffer, view.bytes.byteOffset + view.at, TAP_HEADER_BYTES);
  const number = header.getUint32(TapField.peer, true);
  const lengthBytes = header.getUint32(TapField.capturedBytes, true);
  const start = view.at + TAP_HEADER_BYTES;
  if (!view.bytes.subarray(start, start + lengthBytes).every((octet) => octet === (number & 0xff))) {
    throw new Error(`record ${number} has bytes of another`);
  }
  reader.advance();
  return { number, lengthBytes };
}

test(`records of any length come out as they went in, in order, and what was lost is counted (SEED=${SEED})`, (t) => {
  const random = new SeededRandom(SEED);
  const memory = createTapRingMemory(8192);
  let writer = new TapRingWriter(memory);
  const reader = new TapRingReader(memory);
  const waiting: { number: number; lengthBytes: number }[] = [];
  let [lost, largest] = [0, 0];
  for (let number = 0; number < RECORDS; number++) {
    const lengthBytes = random.below(random.below(10) === 0 ? 5000 : 400);
    if (write(writer, number, lengthBytes)) waiting.push({ number, lengthBytes });
    else lost++;
    if (random.below(100) === 0) writer = new TapRingWriter(memory);
    for (let count = random.below(3); count > 0; count--) t.deepEqual(read(reader), waiting.shift());
    largest = Math.max(largest, waiting.length);
  }
  while (waiting.length > 0) t.deepEqual(read(reader), waiting.shift());
  t.is(read(reader), undefined);
  t.true(lost > 0);
  t.is(writer.lost, lost);
  t.is(reader.lost, lost);
  t.true(largest > 10);
});

test('a record that was reserved and not committed was never there', (t) => {
  const memory = createTapRingMemory(4096);
  const writer = new TapRingWriter(memory);
  const reader = new TapRingReader(memory);
  t.not(writer.reserve(200), -1);
  t.is(reader.peek(), undefined);
  t.true(write(writer, 7, 50));
  t.deepEqual(read(reader), { number: 7, lengthBytes: 50 });
  t.is(read(reader), undefined);
});

test('an empty ring takes a record of half its size wherever it stands', (t) => {
  const memory = createTapRingMemory(4096);
  const writer = new TapRingWriter(memory);
  const reader = new TapRingReader(memory);
  for (let number = 0; number < 1000; number++) {
    const lengthBytes = number % 2 === 0 ? 2048 - TAP_HEADER_BYTES : number % 300;
    t.true(write(writer, number, lengthBytes));
    t.deepEqual(read(reader), { number, lengthBytes });
  }
  t.is(writer.lost, 0);
});

test('what is longer than the ring is lost, and counted', (t) => {
  const writer = new TapRingWriter(createTapRingMemory(4096));
  t.false(write(writer, 1, 4096));
  t.is(writer.lost, 1);
});

test('positions may pass 2^32', (t) => {
  const memory = createTapRingMemory(4096);
  // Head and tail, as they are after so many bytes.
  const control = new Int32Array(memory, 0, 32);
  control[0] = control[16] = -4096;
  const writer = new TapRingWriter(memory);
  const reader = new TapRingReader(memory);
  for (let number = 0; number < 100; number++) {
    t.true(write(writer, number, 100));
    t.true(write(writer, number + 1000, 100));
    t.deepEqual(read(reader), { number, lengthBytes: 100 });
    t.deepEqual(read(reader), { number: number + 1000, lengthBytes: 100 });
  }
});

test('a size that is no power of two is refused', (t) => {
  for (const size of [0, 100, 5000, 2 ** 31]) t.throws(() => createTapRingMemory(size), { instanceOf: RangeError });
});

test('another thread reads what this one writes, whole and in order', async (t) => {
  const memory = createTapRingMemory(65_536);
  const done = new Int32Array(new SharedArrayBuffer(4));
  const entry = new URL('../support/ring-reading-worker.ts', import.meta.url);
  const thread = new Worker(entry, { workerData: { memory, done } });
  const found = new Promise<{ numbers: number; lost: number; faults: number }>((resolve, reject) => {
    thread.once('message', resolve);
    thread.once('error', reject);
  });
  const writer = new TapRingWriter(memory);
  const random = new SeededRandom(SEED);
  const deadline = performance.now() + 2_000;
  let written = 0;
  // Until the reader, which takes a moment to start, had its share.
  for (let number = 0; written < 50_000 && performance.now() < deadline; number++) {
    if (write(writer, number, random.below(1500))) written++;
  }
  Atomics.store(done, 0, 1);
  const { numbers, lost, faults } = await found;
  t.is(faults, 0);
  t.is(numbers, written);
  t.is(lost, writer.lost);
  await thread.terminate();
});

test('a reader sleeps until there is a record, and not while there is one', async (t) => {
  const memory = createTapRingMemory(4096);
  const writer = new TapRingWriter(memory);
  const reader = new TapRingReader(memory);
  write(writer, 1, 10);
  t.false(reader.sleep(() => t.fail('there was nothing to wait for')));
  read(reader);
  const woken = Promise.withResolvers<void>();
  t.true(reader.sleep(() => t.fail('another one sleeps instead')));
  t.true(reader.sleep(() => woken.resolve()));
  write(writer, 2, 10);
  await woken.promise;
  t.is(read(reader)?.number, 2);
});

test('a reader that sleeps can be woken', async (t) => {
  const reader = new TapRingReader(createTapRingMemory(4096));
  const woken = Promise.withResolvers<void>();
  t.true(reader.sleep(() => woken.resolve()));
  reader.wake();
  await woken.promise;
  t.is(read(reader), undefined);
});

test('a reader that goes to sleep whenever it has nothing to do misses no record of another thread', async (t) => {
  const memory = createTapRingMemory(65_536);
  const task: RingWritingTask = { memory, records: 2_000, pauseMs: 0.2 };
  const thread = new Worker(new URL('../support/ring-writing-worker.ts', import.meta.url), { workerData: task });
  t.teardown(async () => thread.terminate());
  const reader = new TapRingReader(memory);
  for (let number = 0; number < task.records;) {
    const record = read(reader);
    if (record === undefined) {
      await new Promise<void>((resolve) => {
        if (!reader.sleep(resolve)) resolve();
      });
      continue;
    }
    t.is(record.number, number++);
  }
});
