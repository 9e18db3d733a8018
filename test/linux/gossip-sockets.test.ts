import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import { GossipSockets, type GossipHandlers } from '../../src/linux/gossip-sockets.ts';
import { formatEndpoint, parseIpAddress, type Endpoint } from '../../src/wire/address.ts';
import { bytes } from '../support/bytes.ts';
import { freePort } from '../support/free-port.ts';
import { until } from '../support/until.ts';

const quiet: GossipHandlers = { datagram: () => {}, exchange: () => undefined };

async function freeEndpoint(address: string): Promise<Endpoint> {
  return { address: parseIpAddress(address)!, port: await freePort() };
}

async function open(
  t: ExecutionContext,
  address: string,
  handlers: GossipHandlers,
): Promise<{ sockets: GossipSockets; at: Endpoint }> {
  const at = await freeEndpoint(address);
  const sockets = await GossipSockets.open(at, handlers);
  t.teardown(() => sockets.close());
  return { sockets, at };
}

function request(sockets: GossipSockets, to: Endpoint, message: Uint8Array): Promise<Uint8Array | undefined> {
  return new Promise((resolve) => sockets.exchange(to, message, resolve));
}

for (const address of ['127.0.0.1', '::1']) {
  test(`datagrams go from endpoint to endpoint (${address})`, async (t) => {
    const received: string[] = [];
    const a = await open(t, address, quiet);
    const b = await open(t, address, {
      ...quiet,
      datagram: (from, message) => received.push(`${formatEndpoint(from)} ${Buffer.from(message).toString()}`),
    });
    const message = Uint8Array.from(Buffer.from('hello'));
    a.sockets.sendDatagram(b.at, message);
    message.fill(0);
    await until('it is received', () => received.length > 0);
    t.deepEqual(received, [`${formatEndpoint(a.at)} hello`]);
    t.is(b.sockets.counters.datagramsReceived, 1);
  });

  test(`an exchange of 2 MB brings its reply (${address})`, async (t) => {
    const a = await open(t, address, quiet);
    const b = await open(t, address, { ...quiet, exchange: (_from, message) => message.map((octet) => octet ^ 0xff) });
    const message = Uint8Array.from({ length: 2_000_000 }, (_, index) => index & 0xff);
    const reply = await request(a.sockets, b.at, message);
    t.true(Buffer.from(message.map((octet) => octet ^ 0xff)).equals(reply ?? new Uint8Array()));
    t.is(a.sockets.counters.exchangesAnswered, 1);
    t.is(b.sockets.counters.exchangesReceived, 1);
  });
}

test('an exchange that is refused, or that nobody answers, brings nothing', async (t) => {
  const a = await open(t, '127.0.0.1', quiet);
  const b = await open(t, '127.0.0.1', quiet);
  t.is(await request(a.sockets, b.at, bytes('01')), undefined);
  t.is(await request(a.sockets, await freeEndpoint('127.0.0.1'), bytes('01')), undefined);
  t.is(a.sockets.counters.exchangesFailed, 2);
});

test('a datagram that cannot be sent is counted', async (t) => {
  const a = await open(t, '127.0.0.1', quiet);
  a.sockets.sendDatagram(a.at, new Uint8Array(70_000));
  await until('it has failed', () => a.sockets.counters.datagramsFailed === 1);
  t.pass();
});

test('an answer to port 0, where a forged datagram may come from, is counted as failed and harms nobody', async (t) => {
  const { sockets } = await open(t, '127.0.0.1', quiet);
  const nowhere = { address: parseIpAddress('127.0.0.1')!, port: 0 };
  t.notThrows(() => sockets.sendDatagram(nowhere, bytes('00')));
  t.is(sockets.counters.datagramsFailed, 1);
});

test('a TCP port that is taken is named', async (t) => {
  const port = await freePort();
  const holder = createServer();
  await new Promise<void>((resolve) => holder.listen(port, '127.0.0.1', resolve));
  t.teardown(() => holder.close());
  const error = await t.throwsAsync(GossipSockets.open({ address: parseIpAddress('127.0.0.1')!, port }, quiet));
  t.like(error, { code: 'port-in-use', details: { protocol: 'tcp', port } });
});

test('a UDP port that is taken is named', async (t) => {
  const holder = createSocket('udp4');
  await new Promise<void>((resolve) => holder.bind(0, '127.0.0.1', resolve));
  t.teardown(() => holder.close());
  const { port } = holder.address();
  const error = await t.throwsAsync(GossipSockets.open({ address: parseIpAddress('127.0.0.1')!, port }, quiet));
  t.like(error, { code: 'port-in-use', details: { protocol: 'udp', port } });
});

test('an address that this machine lacks is a failed system call', async (t) => {
  const error = await t.throwsAsync(GossipSockets.open({ address: parseIpAddress('203.0.113.1')!, port: 7948 }, quiet));
  t.like(error, { code: 'system-call-failed', errnoName: 'EADDRNOTAVAIL' });
});

async function dial(t: ExecutionContext, to: Endpoint): Promise<{ stream: Socket; isClosed: () => boolean }> {
  const stream = connect(to.port, '127.0.0.1');
  let closed = false;
  stream.on('error', () => {});
  stream.on('close', () => (closed = true));
  await new Promise<void>((resolve) => stream.once('connect', resolve));
  t.teardown(() => stream.destroy());
  return { stream, isClosed: () => closed };
}

test('sockets move to another address while everything goes on', async (t) => {
  const senders: string[] = [];
  const a = await open(t, '127.0.0.1', { ...quiet, exchange: (_from, message) => message });
  const b = await open(t, '127.0.0.1', {
    datagram: (from) => senders.push(formatEndpoint(from)),
    exchange: (from, message) => {
      senders.push(formatEndpoint({ ...from, port: 0 }));
      return message;
    },
  });
  const moved = { address: parseIpAddress('127.0.0.2')!, port: a.at.port };
  a.sockets.sendDatagram(b.at, bytes('01'));
  await until('one is received', () => senders.length === 1);
  await a.sockets.moveTo(moved);
  a.sockets.sendDatagram(b.at, bytes('01'));
  await until('two are received', () => senders.length === 2);
  t.deepEqual(await request(a.sockets, b.at, bytes('02')), bytes('02'));
  t.deepEqual(await request(b.sockets, moved, bytes('03')), bytes('03'));
  t.is(await request(b.sockets, a.at, bytes('04')), undefined);
  t.deepEqual(senders, [formatEndpoint(a.at), formatEndpoint(moved), '127.0.0.2:0']);
  t.is(a.sockets.counters.datagramsSent, 2);
  // And back: connections that wait in TIME_WAIT do not hold the port.
  await a.sockets.moveTo(a.at);
  t.deepEqual(await request(b.sockets, a.at, bytes('05')), bytes('05'));
});

test('sockets that cannot move stay where they are', async (t) => {
  const a = await open(t, '127.0.0.1', { ...quiet, exchange: (_from, message) => message });
  const b = await open(t, '127.0.0.1', quiet);
  await t.throwsAsync(a.sockets.moveTo(b.at), { code: 'port-in-use' });
  await t.throwsAsync(a.sockets.moveTo({ address: parseIpAddress('203.0.113.1')!, port: a.at.port }), {
    code: 'system-call-failed',
  });
  t.deepEqual(await request(b.sockets, a.at, bytes('01')), bytes('01'));
});

test('a frame that is too long closes the stream', async (t) => {
  const { sockets, at } = await open(t, '127.0.0.1', quiet);
  const { stream, isClosed } = await dial(t, at);
  stream.write(bytes('ffffffff'));
  await until('it is closed', isClosed);
  t.is(sockets.counters.streamsRefusedTooLong, 1);
});

test('a client that says half a frame and goes is counted', async (t) => {
  const { sockets, at } = await open(t, '127.0.0.1', quiet);
  const { stream } = await dial(t, at);
  stream.end(bytes('00000010 00'));
  await until('it is refused', () => sockets.counters.streamsRefusedIncomplete === 1);
  t.pass();
});

test('one client has at most eight streams, none for longer than 5 s', async (t) => {
  const { sockets, at } = await open(t, '127.0.0.1', quiet);
  const clients: { isClosed: () => boolean }[] = [];
  for (let index = 0; index < 9; index++) clients.push(await dial(t, at));
  await until('one is refused', () => sockets.counters.streamsRefusedBusy === 1);
  await until('all are closed', () => clients.every(({ isClosed }) => isClosed()));
  t.is(sockets.counters.streamsRefusedIncomplete, 8);
});

test('who holds streams with many addresses does not keep others out: the oldest make room', async (t) => {
  const { sockets, at } = await open(t, '127.0.0.1', { ...quiet, exchange: (_from, message) => message });
  const idle: Socket[] = [];
  t.teardown(() => {
    for (const stream of idle) stream.destroy();
  });
  for (let index = 0; index < 64; index++) {
    const stream = connect({ host: '127.0.0.1', port: at.port, localAddress: `127.0.0.${2 + (index >> 3)}` });
    idle.push(stream);
    stream.on('error', () => {});
    await once(stream, 'connect');
  }
  const other = await open(t, '127.0.0.20', quiet);
  t.deepEqual([...(await request(other.sockets, at, bytes('01')))!], [1]);
  t.is(sockets.counters.streamsRefusedBusy, 1);
  await until('one is closed', () => idle[0]!.destroyed);
  t.is(idle.filter(({ destroyed }) => destroyed).length, 1);
});

test('closing ends an exchange that is under way', async (t) => {
  const silent = createServer((stream) => stream.on('error', () => {}));
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  t.teardown(() => silent.close());
  const a = await open(t, '127.0.0.1', quiet);
  const { port } = silent.address() as AddressInfo;
  const reply = request(a.sockets, { address: parseIpAddress('127.0.0.1')!, port }, bytes('01'));
  await a.sockets.close();
  t.is(await reply, undefined);
});
