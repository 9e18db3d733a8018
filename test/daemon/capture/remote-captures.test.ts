import { setTimeout as sleep } from 'node:timers/promises';
import type { MessagePort } from 'node:worker_threads';
import test from 'ava';
import { BytePace } from '../../../src/daemon/capture/byte-pace.ts';
import { readBytes, writeBytes } from '../../../src/daemon/capture/byte-port.ts';
import {
  RemoteCaptures,
  type RemoteCaptureLimits,
  type RemoteWish,
} from '../../../src/daemon/capture/remote-captures.ts';
import { FakeCluster } from '../../support/fake-remote-nodes.ts';

/** Captures of a node; what is begun there gives chunks without end, if there are any, until it is ended. */
function node(cluster: FakeCluster, name: string, limits: Partial<RemoteCaptureLimits> = {}) {
  const begun: RemoteWish[] = [];
  const ended: number[] = [];
  const captures = new RemoteCaptures({
    nodeName: name,
    remotes: cluster.node(name),
    limits: { isAllowed: true, bytesPerSecond: 1e9, maxBytes: 5_000, ...limits },
    begin: async (wish: RemoteWish, port: MessagePort) => {
      begun.push(wish);
      const number = begun.length;
      const next = async (): Promise<IteratorResult<Uint8Array>> => {
        await sleep(1);
        return ended.includes(number)
          ? { done: true, value: undefined }
          : { done: false, value: new Uint8Array(100).fill(number) };
      };
      void writeBytes(port, { next });
      return await Promise.resolve(number);
    },
    end: (capture) => {
      ended.push(capture);
      return true;
    },
  });
  return { captures, begun, ended };
}

test('another node captures what it is asked for, and knows for whom', async (t) => {
  const cluster = new FakeCluster();
  cluster.clocks.set('n2', { offsetNs: 250_000_000, uncertaintyNs: 90_000 });
  const { captures } = node(cluster, 'n1');
  const { begun } = node(cluster, 'n2');
  const incoming = await captures.open('n2', { count: 3 }, 'root, pid 7');
  t.deepEqual(begun, [{ spec: { count: 3 }, client: 'root, pid 7 on n1', maxBytes: 5_000 }]);
  t.deepEqual(incoming.head, { node: 'n2', clockOffsetNs: 250_000_000, clockUncertaintyNs: 90_000 });
  const chunks = readBytes(incoming.port);
  t.is((await chunks.next()).value?.length, 100);
  t.true(await captures.end('n2', incoming.capture));
  for await (const chunk of chunks) t.is(chunk.length, 100);
  await incoming.ended;
});

test('a node that does not allow it refuses, by name', async (t) => {
  const cluster = new FakeCluster();
  const { captures } = node(cluster, 'n1');
  const { begun } = node(cluster, 'n2', { isAllowed: false });
  await t.throwsAsync(async () => captures.open('n2', {}, 'root'), {
    code: 'capture-remote-off',
    message: /n2 lets no other node capture: set capture\.remote to on/,
  });
  t.deepEqual(begun, []);
});

test('nobody ends what somebody else began', async (t) => {
  const cluster = new FakeCluster();
  const { captures } = node(cluster, 'n1');
  const { captures: others } = node(cluster, 'n3');
  const { ended } = node(cluster, 'n2');
  const incoming = await captures.open('n2', {}, 'root');
  t.false(await others.end('n2', incoming.capture));
  t.deepEqual(ended, []);
  await readBytes(incoming.port).return!();
});

test('what a node asks for is looked at as what comes from anywhere', async (t) => {
  const cluster = new FakeCluster();
  const remotes = cluster.node('n1');
  node(cluster, 'n2');
  const ask = async (body: unknown) => remotes.stream('n2', 'capture', body);
  await t.throwsAsync(async () => ask({ client: 'root', spec: { snaplenBytes: 1 } }), { code: 'config-invalid' });
  await t.throwsAsync(async () => ask({ client: 7, spec: {} }), { code: 'request-invalid' });
  await t.throwsAsync(async () => ask('capture everything'), { code: 'request-invalid' });
  const program = [[5, 0, 0, 99]];
  await t.throwsAsync(async () => ask({ client: 'root', spec: { filter: { text: '', program } } }), {
    code: 'filter-invalid',
  });
});

test('a pace lets a burst go, and then as much as its rate', (t) => {
  const pace = new BytePace(1_000, 500);
  t.is(pace.book(500, 0), 0);
  t.is(pace.book(100, 0), 100);
  t.is(pace.book(100, 0), 200);
  t.is(pace.book(100, 300), 0);
  t.is(pace.book(500, 10_000), 0);
  t.is(pace.book(1, 10_000), 1);
});
