import test from 'ava';
import { SealedTransport, type SealedTransportOptions } from '../../src/authentication/sealed-transport.ts';
import type { GossipTransport } from '../../src/env/transport.ts';
import type { Logger } from '../../src/env/logger.ts';
import { nodeCipher } from '../../src/linux/node-cipher.ts';
import type { Endpoint } from '../../src/wire/address.ts';
import { identityOf } from '../support/announcements.ts';
import { endpointOf, fixedKeys, keyOf } from '../support/cluster-keys.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';
import { silentLogger } from '../support/silent-logger.ts';

interface Node {
  readonly transport: SealedTransport;
  readonly heard: string[];
  readonly sent: Uint8Array[];
}

/** Nodes that reach each other at once, and note what they heard. */
class Wire {
  readonly clock = new ManualClock();
  readonly #nodes = new Map<number, Node>();
  /** Where nodes are seen that something on the way translates. */
  readonly translated = new Map<number, Endpoint>();

  node(number: number, change: Partial<SealedTransportOptions> = {}): Node {
    const heard: string[] = [];
    const sent: Uint8Array[] = [];
    const raw: GossipTransport = {
      sendDatagram: (to, bytes) => {
        sent.push(bytes);
        this.#at(to)?.transport.handleDatagram(this.#seenAs(number), bytes);
      },
      exchange: (to, request, onReply) => {
        sent.push(request);
        onReply(this.#at(to)?.transport.handleExchange({ ...this.#seenAs(number), port: 40_000 }, request));
      },
    };
    const note = (bytes: Uint8Array): void => {
      heard.push(Buffer.from(bytes).toString());
    };
    const transport = new SealedTransport({
      network: 'default',
      identity: identityOf(number),
      keys: fixedKeys(keyOf(1)),
      cipher: nodeCipher,
      random: new SeededRandom(number),
      ownEndpoint: () => endpointOf(number),
      transport: raw,
      handlers: {
        datagram: (_from, bytes) => note(bytes),
        exchange(_from, bytes) {
          note(bytes);
          return Buffer.from(`re: ${Buffer.from(bytes).toString()}`);
        },
      },
      clock: this.clock,
      logger: silentLogger,
      ...change,
    });
    const node = { transport, heard, sent };
    this.#nodes.set(number, node);
    return node;
  }

  #seenAs(number: number): Endpoint {
    return this.translated.get(number) ?? endpointOf(number);
  }

  #at({ address }: Endpoint): Node | undefined {
    return this.#nodes.get(address.bytes[3]!);
  }
}

function ask({ transport }: Node, number: number, text: string): string | undefined {
  let answer: string | undefined;
  transport.exchange(endpointOf(number), Buffer.from(text), (reply) => {
    answer = reply && Buffer.from(reply).toString();
  });
  return answer;
}

test('datagrams and exchanges arrive, and no clear text is on the wire', (t) => {
  const wire = new Wire();
  const [a, b] = [wire.node(1), wire.node(2)];
  a.transport.sendDatagram(endpointOf(2), Buffer.from('hello'));
  t.is(ask(a, 2, 'how are you'), 're: how are you');
  t.deepEqual(b.heard, ['hello', 'how are you']);
  t.false(Buffer.concat(a.sent).includes('hello') || Buffer.concat(a.sent).includes('how'));
});

test('who has another key is neither heard nor answered, and that is counted', (t) => {
  const wire = new Wire();
  const [stranger, b] = [wire.node(1, { keys: fixedKeys(keyOf(2)) }), wire.node(2)];
  stranger.transport.sendDatagram(endpointOf(2), Buffer.from('hello'));
  t.is(ask(stranger, 2, 'how are you'), undefined);
  t.deepEqual(b.heard, []);
  t.deepEqual(b.sent, []);
  t.deepEqual(b.transport.refused(), {
    'not-authenticated': 0,
    'address-translated': 0,
    'key-unknown': 2,
    replayed: 0,
  });
});

test('plain gossip is neither heard nor answered', (t) => {
  const { transport, heard } = new Wire().node(2);
  transport.handleDatagram(endpointOf(1), Uint8Array.of(0x0a, 1, 0x61));
  t.is(transport.handleExchange(endpointOf(1), Uint8Array.of(0x0a, 1, 0x61)), undefined);
  t.deepEqual(heard, []);
  t.is(transport.refused()['not-authenticated'], 2);
});

test('a reply that is not of the cluster is none', (t) => {
  const wire = new Wire();
  const a = wire.node(1);
  const stranger = wire.node(2);
  stranger.transport.handleExchange = () => Uint8Array.of(1, 2, 3);
  t.is(ask(a, 2, 'how are you'), undefined);
  t.is(a.transport.refused()['not-authenticated'], 1);
});

test('a request that its handler refuses is not answered', (t) => {
  const wire = new Wire();
  const a = wire.node(1);
  wire.node(2, { handlers: { datagram: () => {}, exchange: () => undefined } });
  t.is(ask(a, 2, 'how are you'), undefined);
});

test('a flood of strangers is logged once a minute', (t) => {
  const lines: string[] = [];
  const logger: Logger = { ...silentLogger, warn: (_fields, message) => lines.push(message) };
  const wire = new Wire();
  const { transport } = wire.node(2, { logger });
  for (let count = 0; count < 1_000; count++) transport.handleDatagram(endpointOf(1), Uint8Array.of(count));
  t.deepEqual(lines, ['gossip refused']);
  wire.clock.advance(60_001);
  transport.handleDatagram(endpointOf(1), Uint8Array.of(1));
  t.is(lines.length, 2);
});

test('two that write with different keys find each other by one that both hold', (t) => {
  const wire = new Wire();
  const [a, b] = [
    wire.node(1, { keys: fixedKeys(keyOf(2), keyOf(1)) }),
    wire.node(2, { keys: fixedKeys(keyOf(3), keyOf(1)) }),
  ];
  t.is(ask(a, 2, 'primary'), undefined);
  t.is(ask(a, 2, 'other'), 're: other');
  // It was answered: from here on, the primary again, until that fails.
  t.is(ask(a, 2, 'primary'), undefined);
  t.is(ask(a, 2, 'other'), 're: other');
  t.deepEqual(b.heard, ['other', 'other']);
});

test('who does not answer is asked with every key in turn', (t) => {
  const wire = new Wire();
  const keys = [keyOf(1), keyOf(2), keyOf(3)] as const;
  const { transport, sent } = wire.node(1, { keys: fixedKeys(...keys) });
  for (let round = 0; round < 4; round++) transport.exchange(endpointOf(9), new Uint8Array(1), () => {});
  t.deepEqual(
    sent.map((bytes) => Buffer.from(bytes.subarray(1, 9)).toString('hex')),
    [...keys, keys[0]].map(({ id }) => id),
  );
});

const announced = { announcedEndpoint: (identity: string) => (identity === identityOf(1) ? endpointOf(1) : undefined) };

test('a node that is seen under another address is known by it, and is not heard', (t) => {
  const wire = new Wire();
  const [a, b] = [wire.node(1), wire.node(2, announced)];
  wire.translated.set(1, endpointOf(9));
  a.transport.sendDatagram(endpointOf(2), Buffer.from('hello'));
  t.is(ask(a, 2, 'hello'), undefined);
  const { translations, heardMs } = b.transport.sightingOf(identityOf(1));
  t.deepEqual(
    translations.map(({ carrier, from, messages }) => [carrier, from.address, messages]),
    [
      ['datagram', endpointOf(9).address, 1],
      ['stream', endpointOf(9).address, 1],
    ],
  );
  t.is(heardMs, undefined);
  t.deepEqual(b.heard, []);
  t.like(b.transport.refused(), { 'address-translated': 2, 'not-authenticated': 0 });
});

test('once it comes as announced, it is over; and after two minutes it is forgotten', (t) => {
  const wire = new Wire();
  const [a, b] = [wire.node(1), wire.node(2, announced)];
  const seen = (): number => b.transport.sightingOf(identityOf(1)).translations.length;
  wire.translated.set(1, endpointOf(9));
  a.transport.sendDatagram(endpointOf(2), Buffer.from('hello'));
  t.is(seen(), 1);
  wire.translated.delete(1);
  a.transport.sendDatagram(endpointOf(2), Buffer.from('hello'));
  t.is(seen(), 0);
  t.is(b.transport.sightingOf(identityOf(1)).heardMs, wire.clock.nowMs());
  wire.translated.set(1, endpointOf(9));
  a.transport.sendDatagram(endpointOf(2), Buffer.from('hello'));
  wire.clock.advance(120_000);
  t.is(seen(), 1);
  wire.clock.advance(1);
  t.is(seen(), 0);
});

test('of a datagram the port counts, of a stream it does not', (t) => {
  const wire = new Wire();
  const [a, b] = [wire.node(1), wire.node(2, announced)];
  wire.translated.set(1, { ...endpointOf(1), port: 50_000 });
  a.transport.sendDatagram(endpointOf(2), Buffer.from('hello'));
  t.is(ask(a, 2, 'hello'), 're: hello');
  t.deepEqual(
    b.transport.sightingOf(identityOf(1)).translations.map(({ carrier, from }) => [carrier, from.port]),
    [['datagram', 50_000]],
  );
});

const strange = test.macro<[(wire: Wire, a: Node, b: Node) => void]>({
  exec(t, send) {
    const wire = new Wire();
    const [a, b] = [wire.node(1), wire.node(2, announced)];
    send(wire, a, b);
    t.deepEqual(b.transport.sightingOf(identityOf(1)).translations, []);
    t.is(b.transport.refused()['address-translated'], 0);
  },
  title: (what) => `${what} says nothing of where a node is`,
});

test('what was taken before, and comes again from elsewhere,', strange, (_wire, a, b) => {
  a.transport.sendDatagram(endpointOf(2), Buffer.from('hello'));
  b.transport.handleDatagram(endpointOf(9), a.sent[0]!);
});
test('a datagram that was changed', strange, (_wire, a, b) => {
  a.transport.sendDatagram(endpointOf(3), Buffer.from('hello'));
  const bytes = new Uint8Array(a.sent[0]!);
  b.transport.handleDatagram(endpointOf(9), bytes.with(bytes.length - 1, bytes.at(-1)! ^ 1));
});
test('a message of no member', strange, (wire) => {
  wire.translated.set(3, endpointOf(9));
  wire.node(3).transport.sendDatagram(endpointOf(2), Buffer.from('hello'));
});
test('a datagram for another node', strange, (wire, a, b) => {
  wire.node(3);
  a.transport.sendDatagram(endpointOf(3), Buffer.from('hello'));
  b.transport.handleDatagram(endpointOf(9), a.sent[0]!);
});

for (const [how, resend] of Object.entries({
  datagram: (b: Node, bytes: Uint8Array) => b.transport.handleDatagram(endpointOf(9), bytes),
  request: (b: Node, bytes: Uint8Array) => b.transport.handleExchange(endpointOf(9), bytes),
})) {
  test(`a ${how} of a process of before says nothing of where a node is that is heard`, (t) => {
    const wire = new Wire();
    const before = wire.node(1);
    // Read along, and never arrived.
    for (let count = 0; count < 2; count++)
      if (how === 'datagram') before.transport.sendDatagram(endpointOf(2), Buffer.from('hello'));
      else ask(before, 2, 'hello');
    const [a, b] = [wire.node(1, { random: new SeededRandom(77) }), wire.node(2, announced)];
    const seen = (): number => b.transport.sightingOf(identityOf(1)).translations.length;
    a.transport.sendDatagram(endpointOf(2), Buffer.from('hello'));
    resend(b, before.sent[0]!);
    t.is(seen(), 0);
    t.like(b.transport.refused(), { 'address-translated': 0, 'not-authenticated': 1 });
    // A node that is not heard may have been started again, where it is translated.
    wire.clock.advance(120_001);
    resend(b, before.sent[1]!);
    t.is(seen(), 1);
  });
}

test('the same message from elsewhere counts once, however often it comes', (t) => {
  const wire = new Wire();
  const [a, b] = [wire.node(1), wire.node(2, announced)];
  wire.translated.set(1, endpointOf(9));
  a.transport.sendDatagram(endpointOf(2), Buffer.from('hello'));
  wire.clock.advance(60_000);
  for (const number of [9, 8, 7]) b.transport.handleDatagram(endpointOf(number), a.sent[0]!);
  const [seen] = b.transport.sightingOf(identityOf(1)).translations;
  t.like(seen, { messages: 1, from: endpointOf(9), lastMs: wire.clock.nowMs() - 60_000 });
  // And it is no replay to the window that lets messages in: from where it should, it is still the first.
  b.transport.handleDatagram(endpointOf(1), a.sent[0]!);
  t.deepEqual(b.heard, ['hello']);
});

test('few of those that come at a time are looked at', (t) => {
  const wire = new Wire();
  const [a, b] = [wire.node(1), wire.node(2, announced)];
  wire.translated.set(1, endpointOf(9));
  for (let count = 0; count < 100; count++) a.transport.sendDatagram(endpointOf(2), Buffer.from('hello'));
  t.is(b.transport.refused()['address-translated'], 20);
  wire.clock.advance(1_000);
  a.transport.sendDatagram(endpointOf(2), Buffer.from('hello'));
  t.is(b.transport.refused()['address-translated'], 21);
});
