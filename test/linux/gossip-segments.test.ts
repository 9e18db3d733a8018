import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import test from 'ava';
import { libc } from '../../src/linux/ffi.ts';
import {
  datagramRoomBytes,
  limitSegments,
  segmentOfAll,
  segmentTo,
  UNMEASURED,
  type GossipPaths,
} from '../../src/linux/gossip-segments.ts';
import { GossipSockets } from '../../src/linux/gossip-sockets.ts';
import { Abi } from '../../src/linux/kernel-abi.ts';
import { parseIpAddress, type IpAddress } from '../../src/wire/address.ts';
import { freePort } from '../support/free-port.ts';
import { until } from '../support/until.ts';

const near = parseIpAddress('198.18.0.2')!;
const far = parseIpAddress('198.18.0.9')!;
const near6 = parseIpAddress('fd00::2')!;

function paths(passing: number | undefined, passingToAll = passing, hasUnmeasured = false): GossipPaths {
  return { passingTo: (address) => (address === far ? undefined : passing), passingToAll, hasUnmeasured };
}

const segments = test.macro<[GossipPaths, IpAddress, boolean, number]>({
  exec: (t, known, address, isStuck, expected) => t.is(segmentTo(known, address, isStuck), expected),
  title: (name) => `the segment of a stream to ${name}`,
});

test('a node whose path is measured is what passes', segments, paths(1500), near, false, 1460);
test('one on a small path', segments, paths(700), near, false, 660);
test('one over IPv6', segments, paths(1500), near6, false, 1440);
test('one that is not measured is what every path takes', segments, UNMEASURED, near, false, 536);
test('one over IPv6 that is not measured', segments, UNMEASURED, near6, false, 1220);
test('one that is not measured, beside a smaller path', segments, paths(400), far, false, 360);
test('one to which a stream got stuck is what every path takes', segments, paths(1500), near, true, 536);
test('one on a smaller path, to which one got stuck', segments, paths(400), near, true, 360);

test('streams of others have segments that pass to all, and are careful while somebody is not measured', (t) => {
  t.is(segmentOfAll(paths(1500), 4), 1460);
  t.is(segmentOfAll(paths(1500, 700), 4), 660);
  t.is(segmentOfAll(paths(1500, 1500, true), 4), 536);
  t.is(segmentOfAll(paths(1500, 500, true), 4), 460);
  t.is(segmentOfAll(UNMEASURED, 6), 1220);
});

test('a datagram is as long as passes; where that is unknown, as passes on the worst way that is known', (t) => {
  t.is(datagramRoomBytes(paths(700), near), 672);
  t.is(datagramRoomBytes(paths(1280), near6), 1232);
  t.is(datagramRoomBytes(paths(1500, 700), far), 672);
  t.is(datagramRoomBytes(UNMEASURED, near), Infinity);
});

/** What the kernel agreed on. */
function segmentOf(socket: Socket): number {
  const { _handle: handle } = socket as unknown as { readonly _handle: { readonly fd: number } };
  const [value, length] = [new Uint32Array(1), Uint32Array.of(4)];
  libc.getsockopt(handle.fd, Abi.IPPROTO_TCP, Abi.TCP_MAXSEG, value, length);
  return value[0]!;
}

async function listening(): Promise<{ server: Server; port: number }> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { server, port: (server.address() as AddressInfo).port };
}

test('streams that a node opens, and those that others open, have the segments of the path', async (t) => {
  const address = parseIpAddress('127.0.0.1')!;
  const port = await freePort();
  const known: { bytes: number } = { bytes: 1040 };
  const sockets = await GossipSockets.open(
    { address, port },
    { datagram: () => {}, exchange: () => undefined },
    undefined,
    {
      passingTo: () => known.bytes,
      get passingToAll() {
        return known.bytes;
      },
      hasUnmeasured: false,
    },
  );
  t.teardown(() => sockets.close());
  const { server, port: other } = await listening();
  t.teardown(() => server.close());
  const accepted = new Promise<Socket>((resolve) => server.once('connection', resolve));
  sockets.openStream({ address, port: other });
  // Less twelve bytes of options: time stamps.
  const opened = await accepted;
  t.true(segmentOf(opened) <= 1000 && segmentOf(opened) >= 988);
  opened.destroy();
  const dial = async (): Promise<number> => {
    const stream = connect(port, '127.0.0.1');
    await new Promise<void>((resolve) => stream.once('connect', resolve));
    const bytes = segmentOf(stream);
    stream.destroy();
    return bytes;
  };
  t.true((await dial()) <= 1000);
  known.bytes = 740;
  await until('what is measured anew counts', async () => (await dial()) <= 700);
});

test('a stream that is closed already is left alone', (t) => {
  t.notThrows(() =>
    limitSegments(
      connect(9, '127.0.0.1')
        .on('error', () => {})
        .destroy(),
      700,
    ),
  );
});
