import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import { FrameStream } from '../../src/linux/frame-stream.ts';
import { encodeFrame } from '../../src/linux/gossip-frame.ts';
import { freePort } from '../support/free-port.ts';
import { untilStill } from '../support/until.ts';

const MAX_BYTES = 300_000;

/** Both ends of a connection: one as frames, the other as it is. */
async function connected(t: ExecutionContext): Promise<{ stream: FrameStream; other: Socket }> {
  const server = createServer({ allowHalfOpen: true });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const accepted = new Promise<Socket>((resolve) => server.once('connection', resolve));
  const stream = new FrameStream(connect((server.address() as AddressInfo).port, '127.0.0.1'));
  const other = await accepted;
  other.on('error', () => {});
  t.teardown(() => {
    stream.close();
    other.destroy();
    server.close();
  });
  return { stream, other };
}

function pattern(lengthBytes: number): Uint8Array {
  return Uint8Array.from({ length: lengthBytes }, (_, index) => index % 251);
}

for (const lengthBytes of [1, 3, 65_536, 65_552, 300_000]) {
  test(`a frame of ${lengthBytes} bytes arrives, however it is cut`, async (t) => {
    const { stream, other } = await connected(t);
    const frame = encodeFrame(pattern(lengthBytes));
    const received = stream.receive(MAX_BYTES);
    for (const [from, to] of [
      [0, 2],
      [2, 5],
      [5, frame.length],
    ]) {
      other.write(frame.subarray(from, to));
      await new Promise((resolve) => setImmediate(resolve));
    }
    t.deepEqual(Buffer.from((await received)!), Buffer.from(pattern(lengthBytes)));
  });
}

test('frames that come together are received one by one', async (t) => {
  const { stream, other } = await connected(t);
  other.write(Buffer.concat([1, 2, 3].map((length) => encodeFrame(pattern(length)))));
  for (const length of [1, 2, 3]) t.is((await stream.receive(MAX_BYTES))?.length, length);
});

test('a frame that was cut off by the end is none', async (t) => {
  const { stream, other } = await connected(t);
  other.end(encodeFrame(pattern(100)).subarray(0, 50));
  t.is(await stream.receive(MAX_BYTES), undefined);
});

test('the end in the header is the end', async (t) => {
  const { stream, other } = await connected(t);
  other.end(Uint8Array.of(0, 0));
  t.is(await stream.receive(MAX_BYTES), undefined);
});

for (const [name, frame] of [
  ['too long', Uint8Array.of(0, 4, 147, 225)],
  ['far too long', Uint8Array.of(255, 255, 255, 255)],
  ['empty', Uint8Array.of(0, 0, 0, 0)],
] as const) {
  test(`a frame that is ${name} closes the stream`, async (t) => {
    const { stream, other } = await connected(t);
    other.write(frame);
    t.is(await stream.receive(MAX_BYTES), undefined);
    await stream.closed;
    t.false(stream.isOpen);
  });
}

test('who sends waits while the other side does not read', async (t) => {
  const { stream, other } = await connected(t);
  other.pause();
  let sent = 0;
  const sending = (async () => {
    while (sent < 1_000 && (await stream.send(pattern(65_536)))) sent++;
  })();
  t.true((await untilStill('how much was sent', () => sent)) < 500);
  other.resume();
  await sending;
  t.is(sent, 1_000);
});

test('who waits to send is told when the stream is closed', async (t) => {
  const { stream, other } = await connected(t);
  other.pause();
  const sending = (async () => {
    while (await stream.send(pattern(65_536)));
  })();
  other.destroy();
  await t.notThrowsAsync(sending);
  t.false(await stream.send(pattern(1)));
});

test('what was sent before the end arrives', async (t) => {
  const { stream, other } = await connected(t);
  let receivedBytes = 0;
  other.on('data', (chunk) => (receivedBytes += chunk.length));
  other.write(encodeFrame(pattern(100)));
  void stream.send(pattern(300_000));
  stream.end();
  await new Promise((resolve) => other.on('end', resolve));
  t.is(receivedBytes, 300_004);
  other.end();
  await stream.closed;
});

test('a stream to nobody is closed, and says why', async (t) => {
  const stream = new FrameStream(connect(await freePort(), '127.0.0.1'));
  t.is(await stream.receive(MAX_BYTES), undefined);
  t.is(stream.failure, 'ECONNREFUSED');
});
