import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import test from 'ava';
import { NameCounters } from '../../../src/daemon/names/name-counters.ts';
import { NameListener } from '../../../src/daemon/names/name-listener.ts';
import { framed } from '../../../src/daemon/names/upstream-socket.ts';
import { FairShares } from '../../../src/names/fair-shares.ts';
import { freePort } from '../../support/free-port.ts';
import { until } from '../../support/until.ts';

/** Answers each question by the same octets and `!`; `silent` by nothing, `never` not at all. */
async function listening({ isStranger = false, mostEach = 8 } = {}) {
  const port = await freePort();
  const counters = new NameCounters();
  const asked: { readonly text: string; readonly asker: string | undefined; readonly transport: string }[] = [];
  const listener = new NameListener(
    { host: '127.0.0.1' },
    {
      service: {
        handle: (bytes, from, transport, answer) => {
          const text = Buffer.from(bytes).toString();
          asked.push({ text, asker: from, transport });
          if (text === 'never') return;
          answer(text === 'silent' ? undefined : Buffer.from(`${text}!`));
        },
      },
      askers: { find: () => (isStranger ? undefined : 'wf1') },
      counters,
      shares: new FairShares(20, mostEach),
      port,
    },
  );
  const clients: Socket[] = [];
  const client = (): Socket & { received: string } => {
    const socket = Object.assign(connect({ port, host: '127.0.0.1' }), { received: '' });
    socket.on('data', (chunk: Buffer) => (socket.received += chunk.toString('latin1')));
    socket.on('error', () => undefined);
    clients.push(socket);
    return socket;
  };
  return {
    listener,
    port,
    asked,
    counters,
    client,
    failures: await listener.open(),
    [Symbol.dispose]: () => {
      for (const socket of clients) socket.destroy();
      listener.close();
    },
  };
}

test('a question over UDP is answered to where it came from', async (t) => {
  using place = await listening();
  t.deepEqual(place.failures, []);
  const socket = createSocket('udp4');
  socket.send('hello', place.port, '127.0.0.1');
  const [answer] = (await once(socket, 'message')) as [Buffer];
  socket.close();
  t.is(answer.toString(), 'hello!');
  t.deepEqual(place.asked, [{ text: 'hello', asker: 'wf1', transport: 'udp' }]);
});

test('several questions over one connection, in any parts, are answered in their order', async (t) => {
  using place = await listening();
  const socket = place.client();
  const stream = Buffer.concat(['one', 'two', 'three'].map((text) => framed(Buffer.from(text))));
  for (const octet of stream.subarray(0, 7)) socket.write(Buffer.of(octet));
  socket.write(stream.subarray(7));
  await until('all are answered', () => socket.received.includes('three!'));
  t.is(socket.received, '\0\x04one!\0\x04two!\0\x06three!');
});

test('a client that sends no more still gets its answer, and then the connection is closed', async (t) => {
  using place = await listening();
  const socket = place.client();
  socket.end(framed(Buffer.from('last')));
  await once(socket, 'end');
  t.is(socket.received, '\0\x05last!');
});

test('who announces a question that is too long, or gets no answer, is let go', async (t) => {
  using place = await listening();
  const long = place.client();
  long.write(Buffer.of(0xff, 0xff, 1, 2, 3));
  await once(long, 'close');
  const silent = place.client();
  silent.write(framed(Buffer.from('silent')));
  await once(silent, 'close');
  t.is(silent.received, '');
});

test('one asker has so many connections, and one that ends makes room for the next', async (t) => {
  using place = await listening({ mostEach: 3 });
  const held = [place.client(), place.client(), place.client()];
  for (const socket of held) socket.write(framed(Buffer.from('here')));
  await until('they are served', () => held.every(({ received }) => received !== ''));
  const refused = place.client();
  await once(refused, 'close');
  t.is(place.counters.read().turnedAway, 1);
  held[0]!.destroy();
  await until('another one is served', async () => {
    const next = place.client();
    next.write(framed(Buffer.from('next')));
    await Promise.race([once(next, 'close'), once(next, 'data')]);
    return next.received === '\0\x05next!';
  });
  t.pass();
});

test('a stranger is turned away before anything of him is read', async (t) => {
  using place = await listening({ isStranger: true });
  const socket = place.client();
  socket.write(framed(Buffer.from('hello')));
  await once(socket, 'close');
  t.deepEqual(place.asked, []);
  t.is(place.counters.read().turnedAway, 1);
});

test('a port that is taken is told for each protocol, and taken when it is free', async (t) => {
  using first = await listening();
  const { listener } = first;
  const options = {
    service: { handle: () => undefined },
    askers: { find: () => undefined },
    counters: new NameCounters(),
    shares: new FairShares(1, 1),
    port: first.port,
  };
  const second = new NameListener({ host: '127.0.0.1' }, options);
  t.deepEqual(await second.open(), [
    { host: '127.0.0.1', protocol: 'udp', code: 'EADDRINUSE' },
    { host: '127.0.0.1', protocol: 'tcp', code: 'EADDRINUSE' },
  ]);
  t.false(second.isOpen);
  listener.close();
  await until('it is open', async () => (await second.open()).length === 0);
  t.true(second.isOpen);
  second.close();
});
