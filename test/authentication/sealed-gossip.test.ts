import test from 'ava';
import { EnvelopeKind, HEAD_BYTES, isEnvelope, SEAL_BYTES } from '../../src/authentication/envelope.ts';
import type { OpenedRequest, SealedGossipOptions } from '../../src/authentication/sealed-gossip.ts';
import type { SealRefusal } from '../../src/authentication/seal-refusals.ts';
import { MAX_SENT_DATAGRAM_BYTES } from '../../src/membership/limits.ts';
import { endpoint } from '../support/announcements.ts';
import { endpointOf, fixedKeys, keyOf, sealingNode } from '../support/cluster-keys.ts';

const message = Uint8Array.from({ length: 100 }, (_, index) => index);
const n1 = endpointOf(1);
const n2 = endpointOf(2);
/** The client's port of a stream is any. */
const n1Stream = endpoint('198.18.0.1:40000');

/** What comes back as a plain array: a Buffer is a Uint8Array with another name. */
function plain(opened: Uint8Array | SealRefusal): number[] | SealRefusal {
  return typeof opened === 'string' ? opened : [...opened];
}

function opened(request: OpenedRequest | SealRefusal): OpenedRequest {
  if (typeof request === 'string') throw new Error(request);
  return request;
}

test('a datagram comes back, and grows by what is said', (t) => {
  const sealed = sealingNode(1).sealDatagram(n1, n2, message);
  t.is(sealed.length, message.length + SEAL_BYTES);
  t.deepEqual(plain(sealingNode(2).openDatagram(n1, n2, sealed)), [...message]);
});

test('the longest datagram fits the smallest IPv6 MTU, sealed, with IPv6 and UDP headers', (t) => {
  t.is(MAX_SENT_DATAGRAM_BYTES + SEAL_BYTES, 1280 - 40 - 8);
});

test('nothing of a message stands in its datagram', (t) => {
  const sealed = Buffer.from(sealingNode(1).sealDatagram(n1, n2, message));
  t.false(sealed.includes(Buffer.from(message.subarray(0, 4))));
});

test('a datagram is taken once', (t) => {
  const receiver = sealingNode(2);
  const sealed = sealingNode(1).sealDatagram(n1, n2, message);
  receiver.openDatagram(n1, n2, sealed);
  t.is(receiver.openDatagram(n1, n2, sealed), 'replayed');
});

test('datagrams may come out of order, and some never', (t) => {
  const [sender, receiver] = [sealingNode(1), sealingNode(2)];
  const datagrams = Array.from({ length: 10 }, () => sender.sealDatagram(n1, n2, message));
  for (const at of [3, 1, 9, 0]) t.deepEqual(plain(receiver.openDatagram(n1, n2, datagrams[at]!)), [...message]);
  t.is(receiver.openDatagram(n1, n2, datagrams[3]!), 'replayed');
});

test('two processes of a node never use one key and nonce: each draws a salt', (t) => {
  const [first, second] = [1, 2].map((life) => sealingNode(1, {}, life).sealDatagram(n1, n2, message));
  t.notDeepEqual(first!.subarray(HEAD_BYTES), second!.subarray(HEAD_BYTES));
  const receiver = sealingNode(2);
  t.deepEqual(plain(receiver.openDatagram(n1, n2, first!)), [...message]);
  t.deepEqual(plain(receiver.openDatagram(n1, n2, second!)), [...message]);
});

test('nor do two nodes that draw the same salt: their identities differ', (t) => {
  const [first, second] = [1, 2].map((number) => sealingNode(number, { random: { uint32: () => 0 } }));
  const datagrams = [first!, second!].map((node) => node.sealDatagram(n1, n2, message).subarray(HEAD_BYTES));
  t.notDeepEqual(datagrams[0], datagrams[1]);
});

test('keys, salts and counters say who sent it, but never twice the same', (t) => {
  const sender = sealingNode(1);
  const datagrams = Array.from({ length: 100 }, () => sender.sealDatagram(n1, n2, message));
  t.is(new Set(datagrams.map((datagram) => datagram.subarray(0, HEAD_BYTES).join())).size, 100);
});

const refuses = test.macro<
  [Partial<SealedGossipOptions>, Parameters<ReturnType<typeof sealingNode>['openDatagram']>[0], typeof n2, SealRefusal]
>({
  exec(t, change, from, own, reason) {
    const sealed = sealingNode(1).sealDatagram(n1, n2, message);
    t.is(sealingNode(2, change).openDatagram(from, own, sealed), reason);
  },
  title: (name) => `refuses a datagram ${name}`,
});

test('of another network', refuses, { network: 'other' }, n1, n2, 'not-authenticated');
test('from another address than it was sent from', refuses, {}, endpointOf(3), n2, 'not-authenticated');
test('from another port', refuses, {}, endpoint('198.18.0.1:7949'), n2, 'not-authenticated');
test('that was sent to another node', refuses, {}, n1, endpointOf(3), 'not-authenticated');
test('of a key that the node does not hold', refuses, { keys: fixedKeys(keyOf(2)) }, n1, n2, 'key-unknown');
test(
  'of a key with the id of a known one',
  refuses,
  { keys: { ...fixedKeys(keyOf(2)), find: () => keyOf(2) } },
  n1,
  n2,
  'not-authenticated',
);

test('every bit of a datagram counts', (t) => {
  const sealed = sealingNode(1).sealDatagram(n1, n2, Uint8Array.of(1, 2, 3));
  const receiver = sealingNode(2);
  for (let bit = 0; bit < 8 * sealed.length; bit++) {
    const at = bit >> 3;
    const changed = sealed.with(at, sealed[at]! ^ (1 << (bit & 7)));
    if (typeof receiver.openDatagram(n1, n2, changed) !== 'string') t.fail(`bit ${bit} does not count`);
  }
  for (let length = 0; length < sealed.length; length++) {
    if (typeof receiver.openDatagram(n1, n2, sealed.subarray(0, length)) !== 'string') t.fail(`length ${length}`);
  }
  t.deepEqual(plain(receiver.openDatagram(n1, n2, sealed)), [1, 2, 3]);
});

test('plain gossip is no envelope', (t) => {
  t.false(isEnvelope(Uint8Array.from([0x0a, 7, ...new Uint8Array(200)]), EnvelopeKind.datagram));
});

test('any key of the ring opens, and the primary seals', (t) => {
  const keys = fixedKeys(keyOf(2), keyOf(1));
  const receiver = sealingNode(2, { keys });
  t.deepEqual(plain(receiver.openDatagram(n1, n2, sealingNode(1).sealDatagram(n1, n2, message))), [...message]);
  t.is(sealingNode(1).openDatagram(n2, n1, receiver.sealDatagram(n2, n1, message)), 'key-unknown');
});

test('a key that was taken away opens nothing, although it did before', (t) => {
  let held = [keyOf(1), keyOf(2)];
  const keys = { ...fixedKeys(keyOf(2)), find: (id: string) => held.find((key) => key.id === id) };
  const [sender, receiver] = [sealingNode(1), sealingNode(2, { keys })];
  t.deepEqual(plain(receiver.openDatagram(n1, n2, sender.sealDatagram(n1, n2, message))), [...message]);
  held = [keyOf(2)];
  t.is(receiver.openDatagram(n1, n2, sender.sealDatagram(n1, n2, message)), 'key-unknown');
});

test('a request comes back from any port of its sender, and its reply, too', (t) => {
  const request = sealingNode(1).sealRequest(n1, n2, message);
  const received = opened(sealingNode(2).openRequest(n1Stream, n2, request.bytes));
  t.deepEqual([...received.bytes], [...message]);
  t.deepEqual(plain(request.openReply(received.sealReply(Uint8Array.of(4, 5)))), [4, 5]);
});

test('a long request and its reply come back', (t) => {
  const long = new Uint8Array(100_000).fill(3);
  const request = sealingNode(1).sealRequest(n1, n2, long);
  const received = opened(sealingNode(2).openRequest(n1Stream, n2, request.bytes));
  t.is(Buffer.compare(received.bytes, long), 0);
  t.is(request.openReply(received.sealReply(long)).length, long.length);
});

test('a request is taken once', (t) => {
  const receiver = sealingNode(2);
  const { bytes } = sealingNode(1).sealRequest(n1, n2, message);
  receiver.openRequest(n1Stream, n2, bytes);
  t.is(receiver.openRequest(n1Stream, n2, bytes), 'replayed');
});

test('a request that comes from another address, or to another node, is refused', (t) => {
  const { bytes } = sealingNode(1).sealRequest(n1, n2, message);
  t.is(sealingNode(2).openRequest(endpointOf(3), n2, bytes), 'not-authenticated');
  t.is(sealingNode(3).openRequest(n1Stream, endpointOf(3), bytes), 'not-authenticated');
});

test('a reply to another request is refused', (t) => {
  const [client, server] = [sealingNode(1), sealingNode(2)];
  const [first, second] = [client.sealRequest(n1, n2, message), client.sealRequest(n1, n2, message)];
  const reply = opened(server.openRequest(n1Stream, n2, first.bytes)).sealReply(message);
  t.is(second.openReply(reply), 'not-authenticated');
  t.deepEqual(plain(first.openReply(reply)), [...message]);
});

test('two replies to one request use different keys', (t) => {
  const request = sealingNode(1).sealRequest(n1, n2, message);
  const replies = [1, 2].map((life) =>
    opened(sealingNode(2, {}, life).openRequest(n1Stream, n2, request.bytes)).sealReply(message),
  );
  t.notDeepEqual(replies[0]!.subarray(HEAD_BYTES), replies[1]!.subarray(HEAD_BYTES));
});

test('the reply is sealed with the key of the request: who missed that the key was exchanged can read it', (t) => {
  const late = sealingNode(1);
  const server = sealingNode(2, { keys: fixedKeys(keyOf(2), keyOf(1)) });
  const request = late.sealRequest(n1, n2, message);
  const reply = opened(server.openRequest(n1Stream, n2, request.bytes)).sealReply(message);
  t.deepEqual(plain(request.openReply(reply)), [...message]);
});

test('neither a datagram nor a reply is a request', (t) => {
  const [client, server] = [sealingNode(1), sealingNode(2)];
  const request = client.sealRequest(n1, n2, message);
  const reply = opened(server.openRequest(n1Stream, n2, request.bytes)).sealReply(message);
  t.is(client.openRequest(n2, n1, reply), 'not-authenticated');
  t.is(server.openRequest(n1Stream, n2, client.sealDatagram(n1, n2, message)), 'not-authenticated');
  t.is(server.openDatagram(n1, n2, request.bytes), 'not-authenticated');
  t.is(request.openReply(request.bytes), 'not-authenticated');
});
