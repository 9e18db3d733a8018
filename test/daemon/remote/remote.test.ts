import { connect } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import { openConversation } from '../../../src/authentication/sealed-conversation.ts';
import type { ClusterKeys } from '../../../src/authentication/sealed-gossip.ts';
import { Conversation } from '../../../src/daemon/remote/conversation.ts';
import { REMOTE } from '../../../src/daemon/remote/remote.ts';
import { WeftError } from '../../../src/errors.ts';
import { FrameStream } from '../../../src/linux/frame-stream.ts';
import { encodeFrame } from '../../../src/linux/gossip-frame.ts';
import { nodeCipher } from '../../../src/linux/node-cipher.ts';
import { SeededRandom } from '../../../src/sim/seeded-random.ts';
import type { Endpoint } from '../../../src/wire/address.ts';
import { identityOf, memberOf } from '../../support/announcements.ts';
import { fixedKeys, keyOf, sealingNode } from '../../support/cluster-keys.ts';
import { conversingNodes, freeEndpoint, type ConversingNode } from '../../support/conversing-nodes.ts';
import { until, untilStill } from '../../support/until.ts';

async function pair(t: ExecutionContext): Promise<[ConversingNode, ConversingNode]> {
  const { nodes } = await conversingNodes(t, {}, {});
  return [nodes[0]!, nodes[1]!];
}

async function throwsCode(t: ExecutionContext, promise: Promise<unknown>, code: string): Promise<WeftError> {
  const error = await t.throwsAsync(promise, { instanceOf: WeftError });
  t.is(error.code, code, error.message);
  return error;
}

/** Chunks that come for as long as somebody wants them. */
async function* endless(signal: AbortSignal): AsyncGenerator<Uint8Array> {
  while (!signal.aborted) {
    yield new Uint8Array(1_000);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

test('a node answers what another asks, and knows who asks', async (t) => {
  const [n1, n2] = await pair(t);
  n2.remote.answer('sum', (body, caller) => ({ sum: (body as number[]).reduce((a, b) => a + b), caller: caller.name }));
  t.deepEqual(await n1.remote.ask('n2', 'sum', [1, 2, 3]), { sum: 6, caller: 'n1' });
  t.like(n2.remote.counters, { answered: 1, streamed: 0 });
});

test('a node answers itself as it answers others', async (t) => {
  const [n1] = await pair(t);
  n1.remote.answer('echo', async (body, { name }) => await Promise.resolve({ body, name, left: undefined }));
  t.deepEqual(await n1.remote.ask('n1', 'echo', { of: new Date(0) }), {
    body: { of: '1970-01-01T00:00:00.000Z' },
    name: 'n1',
  });
  await throwsCode(t, n1.remote.ask('n1', 'other', null), 'remote-unsupported');
});

test('an answer may be nothing', async (t) => {
  const [n1, n2] = await pair(t);
  n2.remote.answer('nothing', () => undefined);
  t.is(await n1.remote.ask('n2', 'nothing', undefined), undefined);
});

test('errors come back as they were thrown, with the node', async (t) => {
  const [n1, n2] = await pair(t);
  n2.remote.answer('refuse', () => {
    throw new WeftError('pod-unknown', 'no such pod', { pod: 'a' });
  });
  const error = await throwsCode(t, n1.remote.ask('n2', 'refuse', null), 'pod-unknown');
  t.like(error, { message: 'node n2: no such pod', details: { pod: 'a', node: 'n2' } });
  t.is(n2.remote.counters.refused.get('pod-unknown'), 1);
});

test('a bug of one node is an error at the other, and ends neither', async (t) => {
  const [n1, n2] = await pair(t);
  n2.remote.answer('bug', () => {
    throw new TypeError('x is not a function');
  });
  await throwsCode(t, n1.remote.ask('n2', 'bug', null), 'internal');
  await throwsCode(t, n1.remote.ask('n2', 'bug', null), 'internal');
});

test('long answers arrive whole', async (t) => {
  const [n1, n2] = await pair(t);
  n2.remote.answer('long', (body) => 'x'.repeat(body as number));
  for (const length of [0, 65_000, 65_523, 65_524, 65_525, 200_000, 3_000_000]) {
    t.is((await n1.remote.ask<string>('n2', 'long', length)).length, length);
  }
});

test('what is too long is refused where it is said', async (t) => {
  const [n1, n2] = await pair(t);
  n2.remote.answer('long', (body) => 'x'.repeat(body as number));
  await throwsCode(t, n1.remote.ask('n2', 'long', 8 * 1024 * 1024), 'remote-too-long');
  await throwsCode(t, n1.remote.ask('n2', 'long', 'x'.repeat(256 * 1024)), 'remote-too-long');
});

test('names are those of live nodes, in order', async (t) => {
  const { nodes, members } = await conversingNodes(t, {}, {});
  members.reverse();
  members.push(memberOf(3, {}, 'suspect'), memberOf(4, {}, 'dead'), memberOf(5, {}, 'left'));
  t.deepEqual(nodes[0]!.remote.names(), ['n1', 'n2', 'n3']);
  await throwsCode(t, nodes[0]!.remote.ask('n4', 'clock', null), 'peer-unknown');
});

test('of two nodes with one name, the lower identity is asked', async (t) => {
  const { nodes, members } = await conversingNodes(t, {}, {});
  members.unshift(memberOf(3, { name: 'n2' }));
  nodes[1]!.remote.answer('who', () => 'n2');
  t.is(await nodes[0]!.remote.ask('n2', 'who', null), 'n2');
});

test('all nodes are asked at once, and one that fails is no reason for others to', async (t) => {
  const { nodes, members } = await conversingNodes(t, {}, {}, {});
  for (const { remote, name } of nodes.slice(0, 2)) remote.answer('who', () => name);
  members.push(memberOf(4, { gossipEndpoint: await freeEndpoint(), capabilities: [REMOTE] }));
  const outcomes = await nodes[0]!.remote.askAll<string>('who', null);
  t.deepEqual(outcomes.slice(0, 2), [
    { node: 'n1', answer: 'n1' },
    { node: 'n2', answer: 'n2' },
  ]);
  t.like(outcomes[2], { node: 'n3', error: { code: 'remote-unsupported' } });
  t.like(outcomes[3], { node: 'n4', error: { code: 'remote-unreachable' } });
});

test('without keys nobody else can be asked, and nobody answers', async (t) => {
  const { nodes } = await conversingNodes(t, { keys: 'none' }, {});
  nodes[0]!.remote.answer('who', () => 'n1');
  t.is(await nodes[0]!.remote.ask('n1', 'who', null), 'n1');
  await throwsCode(t, nodes[0]!.remote.ask('n2', 'clock', null), 'remote-off');
  await throwsCode(t, nodes[1]!.remote.ask('n1', 'clock', null), 'remote-unreachable');
});

test('a node that announces no remote is not even asked: it would take that for an attack', async (t) => {
  const { nodes } = await conversingNodes(t, {}, { keys: fixedKeys(keyOf(2)), capabilities: [] });
  await throwsCode(t, nodes[0]!.remote.ask('n2', 'clock', null), 'remote-unsupported');
  t.true(Object.values(nodes[1]!.door.refused().messages).every((count) => count === 0));
});

test('a node is asked with every key that is held, until it has one of them', async (t) => {
  const { nodes } = await conversingNodes(
    t,
    { keys: fixedKeys(keyOf(2), keyOf(1)) },
    { keys: fixedKeys(keyOf(3), keyOf(1)) },
    { keys: fixedKeys(keyOf(4)) },
  );
  nodes[1]!.remote.answer('who', () => 'n2');
  t.is(await nodes[0]!.remote.ask('n2', 'who', null), 'n2');
  await throwsCode(t, nodes[0]!.remote.ask('n3', 'clock', null), 'remote-unreachable');
  t.deepEqual(nodes[2]!.door.refused().messages['key-unknown'], 2);
});

test('who is no live member is not answered', async (t) => {
  const { nodes, members } = await conversingNodes(t, {}, {});
  const forgotten = members.shift()!;
  const { remote } = nodes[0]!;
  nodes[1]!.remote.answer('who', () => 'n2');
  // n1 knows itself no more either, but the one that it asks.
  await throwsCode(t, remote.ask('n2', 'who', null), 'remote-stranger');
  members.push(forgotten);
  t.is(await remote.ask('n2', 'who', null), 'n2');
});

test('another node at the address of one is not taken for it', async (t) => {
  const { nodes, members } = await conversingNodes(t, {}, {}, {});
  members[1] = memberOf(2, { gossipEndpoint: nodes[2]!.at, capabilities: [REMOTE] });
  const error = await throwsCode(t, nodes[0]!.remote.ask('n2', 'clock', null), 'remote-unreachable');
  t.regex(error.message, /another node/);
});

test('a node that has too much to do says so, and is asked again', async (t) => {
  const { nodes } = await conversingNodes(t, {}, {});
  const [n1, n2] = [nodes[0]!, nodes[1]!];
  const { promise, resolve: release } = Promise.withResolvers<void>();
  n2.remote.answer('wait', async () => promise);
  const waiting = Array.from({ length: 8 }, async () => n1.remote.ask('n2', 'wait', null));
  await until('two are refused', () => (n2.remote.counters.refused.get('remote-busy') ?? 0) >= 2);
  t.true(n2.remote.counters.active <= 8);
  release();
  await t.notThrowsAsync(Promise.all(waiting));
  t.is(n2.remote.counters.answered, 8);
});

test('clocks of one machine agree within what is said', async (t) => {
  const [n1] = await pair(t);
  const { offsetNs, uncertaintyNs } = await n1.remote.clockOffset('n2');
  t.true(uncertaintyNs > 0);
  t.true(Math.abs(offsetNs) <= uncertaintyNs);
  t.deepEqual(await n1.remote.clockOffset('n1'), { offsetNs: 0, uncertaintyNs: 0 });
});

for (const from of ['n1', 'n2']) {
  test(`a stream of ${from} has a head, and its chunks in order`, async (t) => {
    const { nodes } = await conversingNodes(t, {}, {});
    const source = nodes.find(({ name }) => name === from)!;
    source.remote.serve('count', (body, caller) => ({
      head: { to: body, caller: caller.name },
      chunks: (async function* () {
        for (let index = 0; index < (body as number); index++) yield new Uint8Array(100_000).fill(index);
        await Promise.resolve();
      })(),
    }));
    const { head, chunks } = await nodes[0]!.remote.stream(from, 'count', 20);
    t.deepEqual(head, { to: 20, caller: 'n1' });
    const received: Uint8Array[] = [];
    for await (const chunk of chunks) received.push(chunk);
    const bytes = Buffer.concat(received);
    t.is(bytes.length, 2_000_000);
    t.true(bytes.every((octet, at) => octet === Math.floor(at / 100_000)));
  });

  test(`an error within a stream of ${from} comes after its chunks`, async (t) => {
    const { nodes } = await conversingNodes(t, {}, {});
    nodes
      .find(({ name }) => name === from)!
      .remote.serve('fail', () => ({
        head: null,
        chunks: (async function* () {
          yield new Uint8Array(10);
          await Promise.resolve();
          throw new WeftError('capture-broken', 'no more');
        })(),
      }));
    const { chunks } = await nodes[0]!.remote.stream(from, 'fail', null);
    const iterator = chunks[Symbol.asyncIterator]();
    t.is((await iterator.next()).value?.length, 10);
    await throwsCode(t, iterator.next(), 'capture-broken');
  });

  test(`who stops listening ends a stream of ${from}`, async (t) => {
    const { nodes } = await conversingNodes(t, {}, {});
    const source = nodes.find(({ name }) => name === from)!;
    let signalled: AbortSignal | undefined;
    source.remote.serve('endless', (_body, _caller, signal) => {
      signalled = signal;
      return { head: null, chunks: endless(signal) };
    });
    const { chunks } = await nodes[0]!.remote.stream(from, 'endless', null);
    for await (const chunk of chunks) {
      t.is(chunk.length, 1_000);
      break;
    }
    await until('the source is told', () => signalled?.aborted === true);
    await until('nobody is served', () => source.remote.counters.active === 0);
  });

  test(`who never listens to a stream of ${from} ends it, too`, async (t) => {
    const { nodes } = await conversingNodes(t, {}, {});
    let signalled: AbortSignal | undefined;
    nodes
      .find(({ name }) => name === from)!
      .remote.serve('endless', (_body, _caller, signal) => {
        signalled = signal;
        return { head: null, chunks: endless(signal) };
      });
    const { chunks } = await nodes[0]!.remote.stream(from, 'endless', null);
    await chunks[Symbol.asyncIterator]().return?.();
    await until('the source is told', () => signalled?.aborted === true);
    t.true(signalled?.aborted);
  });
}

test('a source waits for whoever listens', async (t) => {
  const [n1, n2] = await pair(t);
  let yielded = 0;
  n2.remote.serve('flood', (_body, _caller, signal) => ({
    head: null,
    chunks: (async function* () {
      for (; yielded < 2_000 && !signal.aborted; yielded++) yield new Uint8Array(65_000);
      await Promise.resolve();
    })(),
  }));
  const { chunks } = await n1.remote.stream('n2', 'flood', null);
  const inFlight = await untilStill('how much was yielded', () => yielded);
  t.true(inFlight < 1_000, `${inFlight} chunks`);
  let bytes = 0;
  for await (const chunk of chunks) bytes += chunk.length;
  t.is(bytes, 2_000 * 65_000);
});

test('a stream that is cut off is an error, and not the end', async (t) => {
  const [n1, n2] = await pair(t);
  n2.remote.serve('endless', (_body, _caller, signal) => ({ head: null, chunks: endless(signal) }));
  const { chunks } = await n1.remote.stream('n2', 'endless', null);
  const iterator = chunks[Symbol.asyncIterator]();
  await iterator.next();
  await n2.door.moveTo(await freeEndpoint());
  await throwsCode(
    t,
    (async () => {
      while ((await iterator.next()).done !== true);
    })(),
    'remote-unreachable',
  );
});

test('a stream ends when its key is not held any more', async (t) => {
  const held = [keyOf(1), keyOf(2)];
  const keys: ClusterKeys = { primary: keyOf(1), all: held, find: (id) => held.find((key) => key.id === id) };
  const { nodes } = await conversingNodes(t, {}, { keys });
  nodes[1]!.remote.serve('endless', (_body, _caller, signal) => ({ head: null, chunks: endless(signal) }));
  const { chunks } = await nodes[0]!.remote.stream('n2', 'endless', null);
  const iterator = chunks[Symbol.asyncIterator]();
  await iterator.next();
  held.shift();
  await throwsCode(
    t,
    (async () => {
      while ((await iterator.next()).done !== true);
    })(),
    'remote-unreachable',
  );
});

test('a question is answered by one', async (t) => {
  const [n1] = await pair(t);
  n1.remote.answer('who', () => 'n1');
  t.throws(() => n1.remote.serve('who', () => ({ head: null, chunks: endless(AbortSignal.abort()) })), {
    instanceOf: RangeError,
  });
});

test('what was recorded of a conversation gets nothing done when it is played again', async (t) => {
  const [n1, n2] = await pair(t);
  let asked = 0;
  n2.remote.answer('count', () => ++asked);
  const keys = fixedKeys(keyOf(1));
  const gossip = sealingNode(1, { keys });
  const random = new SeededRandom(1);
  const opening = openConversation(
    { identity: identityOf(1), gossip, keys, cipher: nodeCipher, random },
    n1.at,
    n2.at,
    keyOf(1),
  );
  const recorded: Uint8Array[] = [];
  const conversation = await Conversation.begin([opening], () => {
    const socket = connect(n2.at.port, '127.0.0.1');
    const write = socket.write.bind(socket);
    socket.write = (bytes: Uint8Array | string) => {
      recorded.push(bytes as Uint8Array);
      return write(bytes);
    };
    return new FrameStream(socket);
  });
  await conversation.say({ question: 'count' });
  t.deepEqual(await conversation.hear(100), { kind: 'message', value: { answer: 1 }, isLast: true });
  t.is(recorded.length, 2);
  t.is((await said(n2.at, Buffer.concat(recorded))).length, 0);
  t.is(n2.door.refused().messages['replayed'], 1);
  t.is(asked, 1);
});

/** What `to` says to who sends these bytes. */
async function said(to: Endpoint, bytes: Uint8Array): Promise<Buffer> {
  const chunks: Buffer[] = [];
  const socket = connect(to.port, '127.0.0.1');
  socket.on('data', (chunk) => chunks.push(chunk)).on('error', () => {});
  socket.write(bytes);
  await new Promise((resolve) => socket.on('close', resolve));
  return Buffer.concat(chunks);
}

const nonsense: readonly (readonly [string, (conversation: Conversation) => Promise<unknown>])[] = [
  ['a chunk', async (conversation) => conversation.sendChunk(new Uint8Array(10))],
  ['a number', async (conversation) => conversation.say(5)],
  ['nothing', async (conversation) => conversation.say(null)],
  ['a question that is no text', async (conversation) => conversation.say({ question: { a: 1 } })],
  ['a question without end', async (conversation) => conversation.say({ question: 'x'.repeat(400_000) })],
  ['the end', async (conversation) => Promise.resolve(conversation.close())],
];

for (const [what, talk] of nonsense) {
  test(`a member that says ${what} instead of a question is left alone, and others are answered`, async (t) => {
    const [n1, n2] = await pair(t);
    n2.remote.answer('who', () => 'n2');
    const conversation = await n1.door.converse(n2.at);
    await talk(conversation);
    await conversation.closed;
    await until('nobody is served', () => n2.remote.counters.active === 0);
    t.is(await n1.remote.ask('n2', 'who', null), 'n2');
  });
}

test('strangers hear nothing', async (t) => {
  const { nodes } = await conversingNodes(t, {});
  const opening = new Uint8Array(127).fill(7);
  opening[0] = 0x14;
  t.is((await said(nodes[0]!.at, encodeFrame(opening))).length, 0);
  t.is(nodes[0]!.door.refused().messages['key-unknown'], 1);
});
