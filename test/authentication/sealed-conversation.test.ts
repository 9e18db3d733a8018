import test from 'ava';
import {
  acceptConversation,
  MAX_RECORD_BYTES,
  openConversation,
  RECORD_SEAL_BYTES,
  SealedConversation,
  type AcceptedConversation,
  type ConversationOptions,
} from '../../src/authentication/sealed-conversation.ts';
import { EnvelopeKind } from '../../src/authentication/envelope.ts';
import type { ClusterKeys } from '../../src/authentication/sealed-gossip.ts';
import type { SealRefusal } from '../../src/authentication/seal-refusals.ts';
import { nodeCipher } from '../../src/linux/node-cipher.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';
import { endpoint, identityOf } from '../support/announcements.ts';
import { endpointOf, fixedKeys, keyOf, sealingNode } from '../support/cluster-keys.ts';

const n1 = endpointOf(1);
const n2 = endpointOf(2);
/** The client's port of a stream is any. */
const n1Stream = endpoint('198.18.0.1:40000');

function nodeOf(number: number, keys: ClusterKeys = fixedKeys(keyOf(1)), life = 1): ConversationOptions {
  return {
    identity: identityOf(number),
    gossip: sealingNode(number, { keys }, life),
    keys,
    cipher: nodeCipher,
    random: new SeededRandom(10_000 * number + life),
  };
}

function accepted(outcome: AcceptedConversation | SealRefusal): AcceptedConversation {
  if (typeof outcome === 'string') throw new Error(outcome);
  return outcome;
}

function begun(outcome: SealedConversation | SealRefusal): SealedConversation {
  if (typeof outcome === 'string') throw new Error(outcome);
  return outcome;
}

/** Both sides of one. */
function conversation(
  client: ConversationOptions = nodeOf(1),
  server: ConversationOptions = nodeOf(2),
): { client: SealedConversation; server: SealedConversation } {
  const opening = openConversation(client, n1, n2, client.keys.primary);
  const answer = accepted(acceptConversation(server, n1Stream, n2, opening.bytes));
  return { client: begun(opening.begin(answer.reply)), server: answer.conversation };
}

function octets(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text));
}

/** What was opened, as text; `undefined` of what was refused. */
function text(opened: ReturnType<SealedConversation['open']>): string | undefined {
  return opened && Buffer.from(opened.bytes).toString() + (opened.isLast ? ' (last)' : '');
}

test('both sides hear what the other says, and know who it is', (t) => {
  const { client, server } = conversation();
  t.is(client.peer, identityOf(2));
  t.is(server.peer, identityOf(1));
  t.is(text(server.open(client.seal(octets('question'))!)), 'question');
  t.is(text(client.open(server.seal(octets('first'))!)), 'first');
  t.is(text(client.open(server.seal(octets('second'), true)!)), 'second (last)');
});

test('a record may be empty, and as long as it may be', (t) => {
  const { client, server } = conversation();
  t.is(text(server.open(client.seal(new Uint8Array(0))!)), '');
  const sealed = client.seal(new Uint8Array(MAX_RECORD_BYTES))!;
  t.is(sealed.length, MAX_RECORD_BYTES + RECORD_SEAL_BYTES);
  t.is(server.open(sealed)!.bytes.length, MAX_RECORD_BYTES);
  t.throws(() => client.seal(new Uint8Array(MAX_RECORD_BYTES + 1)), { instanceOf: RangeError });
});

test('an opening is taken once', (t) => {
  const server = nodeOf(2);
  const { bytes } = openConversation(nodeOf(1), n1, n2, keyOf(1));
  accepted(acceptConversation(server, n1Stream, n2, bytes));
  t.is(acceptConversation(server, n1Stream, n2, bytes), 'replayed');
});

test('nothing comes of an opening that is played to a node which has restarted', (t) => {
  const opening = openConversation(nodeOf(1), n1, n2, keyOf(1));
  const first = accepted(acceptConversation(nodeOf(2), n1Stream, n2, opening.bytes));
  const client = begun(opening.begin(first.reply));
  const question = client.seal(octets('question'))!;
  const second = accepted(acceptConversation(nodeOf(2, undefined, 2), n1Stream, n2, opening.bytes));
  t.is(second.conversation.open(question), undefined);
});

test('a reply opens for its own opening only', (t) => {
  const [client, server] = [nodeOf(1), nodeOf(2)];
  const [first, second] = [openConversation(client, n1, n2, keyOf(1)), openConversation(client, n1, n2, keyOf(1))];
  const { reply } = accepted(acceptConversation(server, n1Stream, n2, first.bytes));
  t.is(second.begin(reply), 'not-authenticated');
});

const refuses = test.macro<[() => Uint8Array, SealRefusal]>({
  exec: (t, opening, reason) => t.is(acceptConversation(nodeOf(2), n1Stream, n2, opening()), reason),
  title: (name) => `refuses ${name}`,
});

test('an opening with a key that is not held', refuses, () => openingWith(fixedKeys(keyOf(2))), 'key-unknown');
test('an opening to another node', refuses, () => openingWith(fixedKeys(keyOf(1)), endpointOf(3)), 'not-authenticated');
test('a request', refuses, () => sealingNode(1).sealRequest(n1, n2, new Uint8Array(32)).bytes, 'not-authenticated');
test('an opening with less in it', refuses, () => shortOpening(), 'not-authenticated');
test('nothing', refuses, () => new Uint8Array(0), 'not-authenticated');

function openingWith(keys: ClusterKeys, to = n2): Uint8Array {
  return openConversation(nodeOf(1, keys), n1, to, keys.primary).bytes;
}

function shortOpening(): Uint8Array {
  return sealingNode(1).sealRequest(n1, n2, new Uint8Array(31), keyOf(1), EnvelopeKind.opening).bytes;
}

test('a request cannot be taken for an opening, nor an opening for a request', (t) => {
  t.is(sealingNode(2).openRequest(n1Stream, n2, openingWith(fixedKeys(keyOf(1)))), 'not-authenticated');
});

test('every bit of an opening and of its reply counts', (t) => {
  const server = nodeOf(2);
  const opening = openConversation(nodeOf(1), n1, n2, keyOf(1));
  for (let bit = 0; bit < 8 * opening.bytes.length; bit++) {
    if (typeof acceptConversation(server, n1Stream, n2, flipped(opening.bytes, bit)) !== 'string') {
      t.fail(`bit ${bit} of the opening does not count`);
    }
  }
  const { reply } = accepted(acceptConversation(server, n1Stream, n2, opening.bytes));
  for (let bit = 0; bit < 8 * reply.length; bit++) {
    if (typeof opening.begin(flipped(reply, bit)) !== 'string') t.fail(`bit ${bit} of the reply does not count`);
  }
  t.true(opening.begin(reply) instanceof SealedConversation);
});

function flipped(bytes: Uint8Array, bit: number): Uint8Array {
  return bytes.with(bit >> 3, bytes[bit >> 3]! ^ (1 << (bit & 7)));
}

const notices = test.macro<[(records: readonly Uint8Array[]) => readonly Uint8Array[], number]>({
  exec(t, change, heard) {
    const { client, server } = conversation();
    const records = ['one', 'two', 'three'].map((word, index) => client.seal(octets(word), index === 2)!);
    const outcomes = change(records).map((record) => text(server.open(record)));
    t.deepEqual(outcomes.slice(0, heard), ['one', 'two', 'three (last)'].slice(0, heard));
    t.true(outcomes.slice(heard).every((outcome) => outcome === undefined));
    t.true(outcomes.length > heard);
  },
  title: (name) => `a conversation ends where a record is ${name}`,
});

test('missing', notices, ([one, , three]) => [one!, three!], 1);
test('doubled', notices, ([one, two]) => [one!, one!, two!], 1);
test('out of order', notices, ([one, two, three]) => [two!, one!, two!, three!], 0);
test('changed', notices, ([one, two, three]) => [one!, flipped(two!, 3), two!, three!], 1);
test('cut', notices, ([one, two]) => [one!, two!.subarray(0, -1), two!], 1);
test('empty', notices, ([one]) => [new Uint8Array(0), one!], 0);
test('played after the last', notices, ([one, two, three]) => [one!, two!, three!, one!], 3);

test('a record does not open on the side that sealed it, nor in another conversation', (t) => {
  const [client, server] = [nodeOf(1), nodeOf(2)];
  const [first, second] = [conversation(client, server), conversation(client, server)];
  const record = first.client.seal(octets('question'))!;
  t.is(first.client.open(record), undefined);
  t.is(second.server.open(record), undefined);
  t.is(text(first.server.open(record)), 'question');
});

test('nothing is sealed after the last record', (t) => {
  const { client } = conversation();
  client.seal(octets('last'), true);
  t.is(client.seal(octets('more')), undefined);
});

test('a conversation goes on when another key becomes the primary, and ends when its own is gone', (t) => {
  const ring = [keyOf(1), keyOf(2)];
  const keys: ClusterKeys = {
    get primary() {
      return ring[0]!;
    },
    get all() {
      return ring;
    },
    find: (id) => ring.find((key) => key.id === id),
  };
  const { client, server } = conversation(nodeOf(1), nodeOf(2, keys));
  ring.reverse();
  t.is(text(server.open(client.seal(octets('one'))!)), 'one');
  t.is(text(client.open(server.seal(octets('two'))!)), 'two');
  ring.pop();
  t.is(server.open(client.seal(octets('three'))!), undefined);
  t.is(server.seal(octets('four')), undefined);
});

test('what is said stands nowhere in clear', (t) => {
  const { client } = conversation();
  t.false(Buffer.from(client.seal(octets('something that nobody must read'))!).includes('something'));
});
