import { MessageChannel } from 'node:worker_threads';
import test from 'ava';
import { readBytes, writeBytes } from '../../../src/daemon/capture/byte-port.ts';
import { CaptureQueue, MAX_CHUNK_BYTES } from '../../../src/daemon/capture/capture-queue.ts';
import { WeftError } from '../../../src/errors.ts';

/** A stream of chunks of one byte, and how many were asked for. */
function counting(last: number, failure?: Error) {
  const seen = { asked: 0, isReturned: false };
  const chunks: AsyncIterator<Uint8Array> = {
    async next() {
      seen.asked++;
      if (seen.asked <= last) return await Promise.resolve({ done: false, value: new Uint8Array([seen.asked]) });
      if (failure !== undefined) throw failure;
      return { done: true, value: undefined };
    },
    async return() {
      seen.isReturned = true;
      return await Promise.resolve({ done: true, value: undefined });
    },
  };
  return { seen, chunks };
}

test('what goes in comes out, in order, and then it is over', async (t) => {
  const { port1, port2 } = new MessageChannel();
  const { chunks } = counting(5);
  const written = writeBytes(port1, chunks);
  const got: number[] = [];
  for await (const chunk of readBytes(port2)) got.push(...chunk);
  t.deepEqual(got, [1, 2, 3, 4, 5]);
  await written;
});

test('nothing is taken that nobody asked for', async (t) => {
  const { port1, port2 } = new MessageChannel();
  const { chunks, seen } = counting(100);
  const written = writeBytes(port1, chunks);
  const reader = readBytes(port2);
  await reader.next();
  await reader.next();
  t.is(seen.asked, 2);
  await reader.return!();
  await written;
  t.true(seen.isReturned);
});

test('a failure arrives with its code', async (t) => {
  const { port1, port2 } = new MessageChannel();
  const { chunks } = counting(1, new WeftError('remote-unreachable', 'n2 is gone', { node: 'n2' }));
  void writeBytes(port1, chunks);
  const reader = readBytes(port2);
  await reader.next();
  const error = await t.throwsAsync(async () => reader.next(), { instanceOf: WeftError, code: 'remote-unreachable' });
  t.is(error?.message, 'n2 is gone');
});

test('a reader that goes away while it waits ends the stream', async (t) => {
  const { port1, port2 } = new MessageChannel();
  const queue = new CaptureQueue(() => t.pass());
  const written = writeBytes(port1, queue);
  const reader = readBytes(port2);
  const pending = reader.next();
  await reader.return!();
  t.true((await pending).done);
  await written;
  t.plan(2);
});

test('a queue gives chunks that are not larger than one record between nodes', async (t) => {
  const queue = new CaptureQueue(() => t.fail());
  queue.write(new Uint8Array(MAX_CHUNK_BYTES + 10).fill(7));
  queue.end();
  const sizes: number[] = [];
  for await (const chunk of queue) sizes.push(chunk.length);
  t.deepEqual(sizes, [MAX_CHUNK_BYTES, 10]);
});

test('a queue has room until a MiB waits, and again once that was read', async (t) => {
  const queue = new CaptureQueue(() => t.fail());
  queue.write(new Uint8Array(1_048_576));
  t.false(queue.hasRoom);
  await queue.next();
  t.true(queue.hasRoom);
});

test('whoever wants no more of a queue is heard once, and nothing is kept', async (t) => {
  let abandoned = 0;
  const queue = new CaptureQueue(() => abandoned++);
  queue.write(new Uint8Array(10));
  await queue.return();
  await queue.return();
  queue.write(new Uint8Array(10));
  t.is(abandoned, 1);
  t.true((await queue.next()).done);
});
