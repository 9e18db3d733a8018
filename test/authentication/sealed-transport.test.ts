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

  node(number: number, change: Partial<SealedTransportOptions> = {}): Node {
    const heard: string[] = [];
    const sent: Uint8Array[] = [];
    const raw: GossipTransport = {
      sendDatagram: (to, bytes) => {
        sent.push(bytes);
        this.#at(to)?.transport.handleDatagram(endpointOf(number), bytes);
      },
      exchange: (to, request, onReply) => {
        sent.push(request);
        onReply(this.#at(to)?.transport.handleExchange({ ...endpointOf(number), port: 40_000 }, request));
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
  t.deepEqual(b.transport.refused(), { 'not-authenticated': 0, 'key-unknown': 2, replayed: 0 });
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
