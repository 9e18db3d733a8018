import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import {
  acceptConversation,
  openConversation,
  type SealedConversation,
} from '../../../src/authentication/sealed-conversation.ts';
import { Conversation, type ConversationTimes } from '../../../src/daemon/remote/conversation.ts';
import { FrameStream } from '../../../src/linux/frame-stream.ts';
import { nodeCipher } from '../../../src/linux/node-cipher.ts';
import { SeededRandom } from '../../../src/sim/seeded-random.ts';
import { identityOf } from '../../support/announcements.ts';
import { endpointOf, fixedKeys, keyOf, sealingNode } from '../../support/cluster-keys.ts';
import { untilStill } from '../../support/until.ts';

const PATIENT: ConversationTimes = { aliveMs: 60_000, silenceMs: 60_000 };

function sealedPair(): [SealedConversation, SealedConversation] {
  const [client, server] = [1, 2].map((number) => ({
    identity: identityOf(number),
    gossip: sealingNode(number),
    keys: fixedKeys(keyOf(1)),
    cipher: nodeCipher,
    random: new SeededRandom(number),
  }));
  const opening = openConversation(client!, endpointOf(1), endpointOf(2), keyOf(1));
  const accepted = acceptConversation(server!, endpointOf(1), endpointOf(2), opening.bytes);
  if (typeof accepted === 'string') throw new Error(accepted);
  const begun = opening.begin(accepted.reply);
  if (typeof begun === 'string') throw new Error(begun);
  return [begun, accepted.conversation];
}

interface Ends {
  readonly client: Conversation;
  readonly server: Conversation;
  readonly serverSocket: Socket;
  /** The server's side of the seal, for what it says on its own. */
  readonly sealed: SealedConversation;
}

async function conversing(t: ExecutionContext, times: ConversationTimes = PATIENT, serverTimes = times): Promise<Ends> {
  const listener = createServer();
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  const accepted = new Promise<Socket>((resolve) => listener.once('connection', resolve));
  const clientSocket = connect((listener.address() as AddressInfo).port, '127.0.0.1');
  const serverSocket = await accepted;
  const [clientSeal, sealed] = sealedPair();
  const client = new Conversation(new FrameStream(clientSocket), clientSeal, times);
  const stream = new FrameStream(serverSocket);
  const server = new Conversation(stream, sealed, serverTimes);
  t.teardown(() => {
    client.close();
    server.close();
    listener.close();
  });
  return { client, server, serverSocket, sealed };
}

/** What a side would say, without a frame around it that is right. */
async function sayRaw(serverSocket: Socket, sealed: SealedConversation, record: Uint8Array): Promise<void> {
  await new FrameStream(serverSocket).send(sealed.seal(record)!);
}

test('messages and chunks are heard in order', async (t) => {
  const { client, server } = await conversing(t);
  void client.say({ a: 1 });
  void client.sendChunk(Uint8Array.of(1, 2, 3));
  void client.say([null], true);
  t.deepEqual(await server.hear(100), { kind: 'message', value: { a: 1 }, isLast: false });
  const chunk = await server.hear(100);
  t.deepEqual(chunk?.kind === 'chunk' && [...chunk.bytes], [1, 2, 3]);
  t.deepEqual(await server.hear(100), { kind: 'message', value: [null], isLast: true });
});

test('a message may be longer than a record, but not longer than it may be', async (t) => {
  const { client, server } = await conversing(t);
  const text = 'x'.repeat(150_000);
  const saying = (async () => {
    await client.say(text);
    await client.say(text);
  })();
  const heard = await server.hear(150_002);
  t.true(heard?.kind === 'message' && heard.value === text);
  t.true((await server.hear(150_001)) === undefined);
  await saying;
  await client.closed;
  t.false(await client.say('more'));
});

test('a chunk may be longer than a record: it comes in pieces', async (t) => {
  const { client, server } = await conversing(t);
  void client.sendChunk(new Uint8Array(150_000));
  let bytes = 0;
  while (bytes < 150_000) {
    const said = await server.hear(100);
    if (said?.kind !== 'chunk') break;
    bytes += said.bytes.length;
  }
  t.is(bytes, 150_000);
});

for (const [name, record] of [
  ['of an unknown kind', Uint8Array.of(9)],
  ['of no kind', new Uint8Array(0)],
  ['that is no JSON', Uint8Array.of(2, 0x7b)],
  ['that is no JSON, in two parts', Uint8Array.of(2)],
] as const) {
  test(`a record ${name} ends the conversation`, async (t) => {
    const { client, serverSocket, sealed } = await conversing(t);
    await sayRaw(serverSocket, sealed, record);
    t.is(await client.hear(100), undefined);
    await client.closed;
    t.pass();
  });
}

test('what is heard after the other side has gone is nothing', async (t) => {
  const { client, server } = await conversing(t);
  void server.say('last words');
  server.end();
  t.like(await client.hear(100), { value: 'last words' });
  t.is(await client.hear(100), undefined);
});

test('two that have nothing to say stay together', async (t) => {
  const { client, server } = await conversing(t, { aliveMs: 20, silenceMs: 1_000 });
  const heard = client.hear(100);
  void server.hear(100);
  // One who began to listen later, to nobody, has given up.
  const lonely = await conversing(t, { aliveMs: 20, silenceMs: 1_000 }, PATIENT);
  await lonely.client.hear(100);
  void server.say('at last');
  t.like(await heard, { value: 'at last' });
});

test('a side that does not even say that it is alive has gone', async (t) => {
  const { client } = await conversing(t, { aliveMs: 20, silenceMs: 200 }, PATIENT);
  t.is(await client.hear(100), undefined);
  await client.closed;
});

test('signs of life alone are not enough where something is to be said in time', async (t) => {
  const { client } = await conversing(t, { aliveMs: 20, silenceMs: 10_000 });
  t.is(await client.hear(100, 200), undefined);
});

test('a side that does not listen gets no signs of life on top, and is told everything once it does', async (t) => {
  const { client, server } = await conversing(t, { aliveMs: 5, silenceMs: 10_000 });
  let sent = 0;
  const sending = (async () => {
    while (sent < 400 && (await server.sendChunk(new Uint8Array(60_000)))) sent++;
  })();
  t.true((await untilStill('how much was sent', () => sent)) < 400);
  for (let heard = 0; heard < 400; heard++) t.is((await client.hear(100))?.kind, 'chunk');
  await sending;
});

test('what a terminal would obey does not get through, nor is anything else changed', async (t) => {
  const { client, server } = await conversing(t);
  const said = { evidence: '\u001b]0;evil\u0007a\r\u009bb\u007f', list: ['line\n\ttab', 'grüße \\ "ok" 中', 1, null] };
  void client.say(said);
  t.deepEqual(await server.hear(1_000), {
    kind: 'message',
    value: { evidence: '?]0;evil?a??b?', list: said.list },
    isLast: false,
  });
});
