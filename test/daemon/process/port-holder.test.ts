import { createSocket, type SocketType } from 'node:dgram';
import { createServer } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import { describePortHolder, portInUse } from '../../../src/daemon/process/port-holder.ts';
import { parseIpAddress, type Endpoint } from '../../../src/wire/address.ts';
import { freePort } from '../../support/free-port.ts';

function endpoint(address: string, port: number): Endpoint {
  return { address: parseIpAddress(address)!, port };
}

/** A UDP port held by this process. */
async function holdUdp(t: ExecutionContext, type: SocketType, address: string): Promise<number> {
  const socket = createSocket(type);
  await new Promise<void>((resolve) => socket.bind(0, address, resolve));
  t.teardown(() => socket.close());
  return socket.address().port;
}

const holds = test.macro<[SocketType, string, string, boolean]>({
  exec: async (t, type, bound, asked, isHeld) => {
    const port = await holdUdp(t, type, bound);
    const holder = await describePortHolder('udp', endpoint(asked, port));
    t.is(holder?.endsWith(`(pid ${process.pid})`) ?? false, isHeld);
  },
  title: (_name, _type, bound, asked, isHeld) =>
    `a UDP socket on ${bound} ${isHeld ? 'holds' : 'leaves'} the port of ${asked}`,
});

test(holds, 'udp4', '127.0.0.1', '127.0.0.1', true);
test(holds, 'udp4', '127.0.0.1', '127.0.0.2', false);
test(holds, 'udp4', '0.0.0.0', '127.0.0.1', true);
test(holds, 'udp4', '127.0.0.1', '0.0.0.0', true);
test(holds, 'udp4', '127.0.0.1', '::1', false);
test(holds, 'udp6', '::1', '::1', true);
test(holds, 'udp6', '::', '127.0.0.1', true);

test('a TCP socket that listens is named, and no UDP one of its number', async (t) => {
  const port = await freePort();
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  t.true((await describePortHolder('tcp', endpoint('127.0.0.1', port)))?.startsWith('held by '));
  t.is(await describePortHolder('udp', endpoint('127.0.0.1', port)), undefined);
});

test('the error names port, purpose and holder', async (t) => {
  const port = await holdUdp(t, 'udp4', '127.0.0.1');
  const error = await portInUse('udp', endpoint('127.0.0.1', port), 'listen for gossip');
  t.is(error.code, 'port-in-use');
  t.regex(error.message, /^cannot listen for gossip: UDP port 127\.0\.0\.1:\d+ is held by \S+ \(pid \d+\)$/);
});
