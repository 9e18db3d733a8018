import test from 'ava';
import type { Announcement } from '../../src/membership/announcement.ts';
import { sealAnnouncement } from '../../src/membership/announcement-codec.ts';
import { encodeExchange, parseExchange } from '../../src/membership/exchange-codec.ts';
import { Membership } from '../../src/membership/membership.ts';
import type { Claim, Exchange } from '../../src/membership/message.ts';
import { formatEndpoint } from '../../src/wire/address.ts';
import { announcementOf, identityOf } from '../support/announcements.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';
import { silentLogger } from '../support/silent-logger.ts';

function claim(number: number, fields: Partial<Claim> = {}, change: Partial<Announcement> = {}): Claim {
  const sealed = sealAnnouncement(announcementOf(number, change));
  const identity = identityOf(number);
  return { identity, incarnation: 1, state: 'alive', sealed, announcedAt: 1, ageSeconds: 0, ...fields };
}

/** Claims that make node `number` known as dead, which nobody will look into. */
function dead(number: number): Claim {
  return claim(number, { state: 'dead' });
}

/** Nodes that only speak over streams, all of which are noted. Node 1 dials node 2. */
class Pair {
  readonly clock = new ManualClock();
  readonly streams: { readonly request: Exchange; readonly reply: Exchange; readonly lengthBytes: number }[] = [];
  readonly one: Membership;
  readonly two: Membership;

  constructor() {
    this.two = this.#node(2);
    this.one = this.#node(1);
  }

  /** Node 1 joins; only what that sends is noted. */
  join(): void {
    this.two.start();
    this.one.start();
    this.one.setSeeds([announcementOf(2).gossipEndpoint]);
    this.clock.advance(0);
    this.one.stop();
    this.two.stop();
  }

  #node(number: number): Membership {
    return new Membership({
      self: announcementOf(number),
      seeds: [],
      clock: this.clock,
      random: new SeededRandom(number),
      transport: {
        sendDatagram: () => {},
        exchange: (to, request, onReply) => {
          const there = formatEndpoint(to) === formatEndpoint(announcementOf(2).gossipEndpoint) ? this.two : this.one;
          const from = announcementOf(number).gossipEndpoint;
          const reply = there.handleExchange(from, request)!;
          this.streams.push({
            request: parsed(request),
            reply: parsed(reply),
            lengthBytes: request.length + reply.length,
          });
          this.clock.after(0, () => onReply(reply));
        },
      },
      logger: silentLogger,
      onChange: () => {},
    });
  }
}

function parsed(bytes: Uint8Array): Exchange {
  const exchange = parseExchange(bytes, 'default');
  if (typeof exchange === 'string') throw new Error(exchange);
  return exchange;
}

function teach(node: Membership, claims: readonly Claim[], directives: Exchange['directives'] = []): void {
  node.start();
  const difference = { buckets: [], bucketCount: 1, directives: false };
  const bytes = encodeExchange('default', { sender: identityOf(99), claims, directives, difference });
  node.handleExchange(announcementOf(99).gossipEndpoint, bytes);
}

function view(node: Membership): unknown[] {
  return node.members().map(({ announcement, state, incarnation }) => [announcement, state, incarnation]);
}

function order(subject: string, version: number): Exchange['directives'][number] {
  return { directive: { subject, version, content: new Uint8Array(1) }, ageSeconds: 0 };
}

/** Subjects and versions of the orders that a node holds. */
function sorted(node: Membership): string[] {
  return node
    .directives()
    .map(({ subject, version }) => `${subject}@${version}`)
    .toSorted();
}

const many = Array.from({ length: 400 }, (_, index) => dead(index + 100));

test('nodes that differ in what each knows hold the same after two requests', (t) => {
  const pair = new Pair();
  teach(pair.one, [...many, dead(10)]);
  teach(pair.two, [...many, dead(11), claim(12, { state: 'left', incarnation: 3 })]);
  pair.join();
  t.is(pair.streams.length, 2);
  t.deepEqual(view(pair.one), view(pair.two));
});

test('only what differs is sent: a fraction of the whole', (t) => {
  const pair = new Pair();
  teach(pair.one, [...many, dead(10)]);
  teach(pair.two, [...many, dead(11)]);
  pair.join();
  const sentBytes = pair.streams.reduce((sum, { lengthBytes }) => sum + lengthBytes, 0);
  const wholeBytes = encodeExchange('default', { sender: identityOf(1), claims: many, directives: [] }).length;
  t.true(sentBytes < wholeBytes / 10, `${sentBytes} of ${wholeBytes} bytes`);
});

test('nodes that hold the same need one request, whose reply says so', (t) => {
  const pair = new Pair();
  teach(pair.one, [...many, claim(2)]);
  teach(pair.two, [...many, claim(1)]);
  pair.join();
  t.is(pair.streams.length, 1);
  t.like(pair.streams[0]!.reply, { claims: [], difference: { buckets: [], directives: false } });
});

test('of what an exchange brings only what is young, or changes what was known, is passed on', (t) => {
  const { one } = new Pair();
  const old: Partial<Claim> = { ageSeconds: 60, announcementAgeMs: 60_000 };
  const { queueLength } = one.statistics();
  const queued = (): number => one.statistics().queueLength - queueLength;
  teach(one, [claim(10, old), claim(11, old)]);
  t.is(queued(), 0);
  teach(one, [claim(12, { ...old, announcementAgeMs: 500 }), claim(13, { ...old, state: 'dead', ageSeconds: 1 })]);
  t.is(queued(), 2);
  teach(one, [claim(10, { ...old, state: 'left' })]);
  t.is(queued(), 3);
});

test('nodes that hold the same do not go on to pass on what they queued long ago', (t) => {
  const pair = new Pair();
  teach(pair.one, [claim(2), claim(10)]);
  teach(pair.two, [claim(1), claim(10)]);
  t.true(pair.one.statistics().queueLength > 0);
  // The ages of claims are no difference.
  pair.one.stop();
  pair.two.stop();
  pair.clock.advance(60_000);
  pair.join();
  t.is(pair.streams.length, 1);
  t.is(pair.one.statistics().queueLength, 0);
  t.is(pair.two.statistics().queueLength, 0);
});

test('orders are compared and given both ways', (t) => {
  const pair = new Pair();
  teach(pair.one, [], [order('key/1', 1), order('key/2', 5), order('key/3', 1)]);
  teach(pair.two, [], [order('key/1', 1), order('key/2', 4), order('key/4', 9)]);
  pair.join();
  t.deepEqual(sorted(pair.one), ['key/1@1', 'key/2@5', 'key/3@1', 'key/4@9']);
  t.deepEqual(sorted(pair.two), sorted(pair.one));
  t.is(pair.streams.length, 2);
  t.is(pair.streams[1]!.request.directives.length, 2);
});

test('a member that one side was ordered to forget does not come back with the claims of the other', (t) => {
  const pair = new Pair();
  teach(pair.one, [dead(10)]);
  pair.one.forget('n10');
  teach(pair.two, [dead(10)]);
  pair.join();
  t.is(pair.one.member(identityOf(10)), undefined);
  t.is(pair.two.member(identityOf(10)), undefined);
});

test('a request without a digest, as of version 0.1.0, is answered with everything', (t) => {
  const pair = new Pair();
  teach(pair.two, many);
  const bytes = encodeExchange('default', { sender: identityOf(1), claims: [claim(1)], directives: [] });
  const reply = parsed(pair.two.handleExchange(announcementOf(1).gossipEndpoint, bytes)!);
  t.is(reply.claims.length, 402);
  t.is(reply.difference, undefined);
});

test('a ping over a stream is answered by the node itself; another says who it is, and what it knows', (t) => {
  const pair = new Pair();
  teach(pair.two, [claim(3)]);
  const ask = (target: string): Exchange => {
    const message = { sender: identityOf(1), claims: [], directives: [], ping: { sequence: 4, target } };
    return parsed(pair.two.handleExchange(announcementOf(1).gossipEndpoint, encodeExchange('default', message))!);
  };
  t.like(ask(identityOf(2)), { ack: { sequence: 4, target: identityOf(2) } });
  const misdirected = ask(identityOf(3));
  t.is(misdirected.ack, undefined);
  t.deepEqual(
    misdirected.claims.map(({ identity }) => identity),
    [identityOf(2), identityOf(3)],
  );
  t.is(pair.two.refused()['probe-misdirected'], 1);
});
