import test from 'ava';
import type { Announcement, MemberState } from '../../src/membership/announcement.ts';
import { sealAnnouncement } from '../../src/membership/announcement-codec.ts';
import { encodeClaim } from '../../src/membership/claim-codec.ts';
import { encodeDatagram, parseDatagram } from '../../src/membership/codec.ts';
import { encodeExchange, parseExchange } from '../../src/membership/exchange-codec.ts';
import { Membership } from '../../src/membership/membership.ts';
import type { Claim, Datagram, DatagramBody, Exchange } from '../../src/membership/message.ts';
import { presets } from '../../src/membership/parameters.ts';
import type { Endpoint } from '../../src/wire/address.ts';
import { announcementOf, identityOf } from '../support/announcements.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';
import { silentLogger } from '../support/silent-logger.ts';
import { appendClaims } from '../support/appended-claims.ts';

interface Bench {
  readonly clock: ManualClock;
  readonly membership: Membership;
  readonly sent: { to: number; datagram: Datagram }[];
  readonly streams: { to: number; request: Exchange; onReply: (reply: Uint8Array | undefined) => void }[];
}

const { probeVerdictMs, probeIntervalMs } = presets.lan;

function numberOf({ address }: Endpoint): number {
  return address.bytes[3]!;
}

/** Node 1, which has just heard that nodes 2 to `size` are alive in incarnation 3, and that nobody answers. */
function bench(size: number): Bench {
  const clock = new ManualClock();
  const sent: Bench['sent'] = [];
  const streams: Bench['streams'] = [];
  const membership = new Membership({
    self: announcementOf(1),
    seeds: [],
    clock,
    random: new SeededRandom(1),
    transport: {
      sendDatagram: (to, bytes) => {
        const datagram = parseDatagram(bytes, 'default');
        if (typeof datagram === 'object') sent.push({ to: numberOf(to), datagram });
      },
      exchange: (to, bytes, onReply) => {
        const request = parseExchange(bytes, 'default');
        if (typeof request === 'object') streams.push({ to: numberOf(to), request, onReply });
      },
    },
    logger: silentLogger,
    onChange: () => {},
  });
  membership.start();
  const made = { clock, membership, sent, streams };
  for (let number = 2; number <= size; number++) hear(made, [about(number, 'alive', 3, {})]);
  return made;
}

function about(number: number, state: MemberState, incarnation: number, change?: Partial<Announcement>): Claim {
  const sealed = change && sealAnnouncement(announcementOf(number, change));
  return { identity: identityOf(number), incarnation, state, sealed, announcedAt: incarnation, ageSeconds: 0 };
}

function suspicion(number: number, incarnation: number, ...accusers: number[]): Claim {
  return { ...about(number, 'suspect', incarnation), accusers: accusers.map(identityOf) };
}

/** Node 2 sends claims. */
function hear({ membership }: Bench, claims: readonly Claim[], body: DatagramBody = { kind: 'none' }): void {
  const head = encodeDatagram('default', identityOf(2), body);
  membership.handleDatagram(announcementOf(2).gossipEndpoint, appendClaims(head, claims.map(encodeClaim)));
}

function isSuspicion({ state }: Claim): boolean {
  return state === 'suspect';
}

function stateOf({ membership }: Bench, number: number): MemberState | undefined {
  return membership.member(identityOf(number))?.state;
}

/** What was sent last about a member. */
function lastClaim({ sent }: Bench, number: number): Claim | undefined {
  const claims = sent.flatMap(({ datagram }) => datagram.claims);
  return claims.findLast(({ identity }) => identity === identityOf(number));
}

test('whoever finds a member silent says so to its face, before anything else', (t) => {
  const made = bench(2);
  made.clock.advance(probeIntervalMs);
  made.sent.length = 0;
  made.clock.advance(probeVerdictMs);
  t.is(stateOf(made, 2), 'suspect');
  const told = made.sent.find(({ datagram: { body, claims } }) => body.kind === 'none' && claims.some(isSuspicion))!;
  t.is(told.to, 2);
  t.like(told.datagram.claims[0], { identity: identityOf(2), state: 'suspect', incarnation: 3 });
});

test('a ping to a suspect carries the suspicion first, however often that was sent already', (t) => {
  const made = bench(2);
  hear(made, [suspicion(2, 3, 9)]);
  made.clock.advance(1_000);
  for (let number = 30; number < 60; number++) hear(made, [about(number, 'alive', 1, {})]);
  made.sent.length = 0;
  made.clock.advance(1_000);
  const pings = made.sent.filter(({ to, datagram }) => to === 2 && datagram.body.kind === 'ping');
  t.true(pings.length > 0);
  for (const { datagram } of pings) t.like(datagram.claims[0], { identity: identityOf(2), state: 'suspect' });
});

test('a suspicion is passed on with all who accuse, and anew for each that comes', (t) => {
  const made = bench(20);
  hear(made, [suspicion(5, 3, 9)]);
  made.clock.advance(30);
  t.deepEqual(lastClaim(made, 5)?.accusers, [identityOf(9)]);
  hear(made, [suspicion(5, 3, 10, 9)]);
  made.clock.advance(250);
  t.deepEqual(lastClaim(made, 5)?.accusers, [identityOf(9), identityOf(10)]);
});

test('four independent accusers end a suspicion sooner than one', (t) => {
  const [one, four] = [bench(200), bench(200)];
  hear(one, [suspicion(5, 3, 9)]);
  hear(four, [suspicion(5, 3, 9, 10, 11, 12)]);
  // Nobody answers this node, so it gives everybody as much time as there is.
  for (const made of [one, four]) made.clock.advance(10_000);
  t.is(stateOf(one, 5), 'suspect');
  t.is(stateOf(four, 5), 'dead');
});

test('in a small cluster whoever hears of a suspicion looks at once, and confirms it', (t) => {
  const made = bench(5);
  made.clock.advance(10);
  made.sent.length = 0;
  hear(made, [suspicion(3, 3, 9)]);
  t.true(made.sent.some(({ to, datagram }) => to === 3 && datagram.body.kind === 'ping'));
  made.clock.advance(probeVerdictMs + 300);
  t.true(lastClaim(made, 3)?.accusers?.includes(identityOf(1)));
});

test('a node that is suspected answers its accuser at once, before anything else', (t) => {
  const made = bench(5);
  made.sent.length = 0;
  hear(made, [suspicion(1, 1, 9)]);
  const told = made.sent.filter(({ to }) => to === 2);
  t.like(told.at(-1)?.datagram.claims[0], { identity: identityOf(1), state: 'alive', incarnation: 2 });
});

test('a refutation repeats to nobody what everybody knows already', (t) => {
  const made = bench(5);
  made.clock.advance(5_000);
  hear(made, [suspicion(1, 1, 9)]);
  made.clock.advance(5_000);
  made.sent.length = 0;
  hear(made, [suspicion(1, 2, 9)]);
  made.clock.advance(1_000);
  const repeated = made.sent.filter(({ to }) => to !== 2).flatMap(({ datagram }) => datagram.claims);
  const own = repeated.filter(({ identity }) => identity === identityOf(1));
  t.true(own.length > 0);
  for (const claim of own) t.like(claim, { state: 'alive', incarnation: 3, sealed: undefined });
});

test('a node that has to refute again and again asks for more time', (t) => {
  const made = bench(5);
  for (let incarnation = 1; incarnation <= 3; incarnation++) hear(made, [suspicion(1, incarnation, 9)]);
  made.clock.advance(300);
  const { slowness } = lastClaim(made, 1)!;
  t.true(slowness! >= 2);
  t.true(made.membership.statistics().localHealth >= 3);
});

test('a refutation of what an earlier life was accused of is no sign of illness', (t) => {
  const made = bench(5);
  for (let incarnation = 7; incarnation <= 40; incarnation += 10) hear(made, [suspicion(1, incarnation, 9)]);
  made.clock.advance(300);
  t.is(lastClaim(made, 1)?.slowness, undefined);
  t.is(made.membership.statistics().refutations, 4);
  t.is(made.membership.statistics().localHealth, 0);
});

test('a member that calls itself slow is given more time, until it says otherwise', (t) => {
  const made = bench(2);
  hear(made, [{ ...about(2, 'alive', 4), slowness: 6 }]);
  made.clock.advance(probeIntervalMs + probeVerdictMs + 5 * probeIntervalMs);
  t.is(stateOf(made, 2), 'alive');
  made.clock.advance(1_000);
  t.is(stateOf(made, 2), 'suspect');
});

test('a member that answers over a stream is not suspected, and the loss of datagrams is counted', (t) => {
  const made = bench(2);
  const reply = encodeExchange('default', { sender: identityOf(2), claims: [], directives: [] });
  for (let step = 0; step < 100; step++) {
    made.clock.advance(50);
    for (const { request, onReply } of made.streams.splice(0)) {
      onReply(request.ping === undefined ? undefined : reply);
    }
  }
  t.is(stateOf(made, 2), 'alive');
  t.true(made.membership.statistics().probesAnsweredOnStream > 5);
});

test('somebody else who answers on the stream is no sign of life', (t) => {
  const made = bench(2);
  const reply = encodeExchange('default', { sender: identityOf(8), claims: [], directives: [] });
  for (let step = 0; step < 40; step++) {
    made.clock.advance(50);
    for (const { onReply } of made.streams.splice(0)) onReply(reply);
  }
  t.is(stateOf(made, 2), 'suspect');
});

test('a probe over a stream tells the target that it is suspected, and its reply refutes', (t) => {
  const made = bench(2);
  hear(made, [suspicion(2, 3, 9)]);
  made.clock.advance(2_000);
  const { request, onReply } = made.streams.find(({ request: { ping } }) => ping !== undefined)!;
  t.like(
    request.claims.find(({ identity }) => identity === identityOf(2)),
    { state: 'suspect', incarnation: 3 },
  );
  onReply(encodeExchange('default', { sender: identityOf(2), claims: [about(2, 'alive', 4)], directives: [] }));
  t.is(stateOf(made, 2), 'alive');
});

test('a node that is probed over a stream answers with an ack and what it says of itself', (t) => {
  const { membership } = bench(2);
  const ping = { sequence: 5, target: identityOf(1) };
  const claims = [suspicion(1, 1, 2)];
  const reply = membership.handleExchange(
    announcementOf(2).gossipEndpoint,
    encodeExchange('default', { sender: identityOf(2), claims, directives: [], ping }),
  );
  t.like(parseExchange(reply!, 'default'), {
    ack: ping,
    claims: { 0: { identity: identityOf(1), state: 'alive', incarnation: 2 } },
  });
});

test('who was declared dead hears of it, and its refutation brings it back', (t) => {
  const made = bench(5);
  hear(made, [about(3, 'dead', 3)]);
  made.sent.length = 0;
  for (let round = 0; round < 60; round++) {
    hear(made, [about(4, 'alive', 4 + round, {})]);
    made.clock.advance(300);
  }
  const told = made.sent.filter(({ to }) => to === 3);
  t.true(told.length > 0);
  hear(made, [about(3, 'alive', 4)]);
  t.is(stateOf(made, 3), 'alive');
});

test('accusers and slowness come back from the wire as they were, and more than there may be are refused', (t) => {
  const head = encodeDatagram('default', identityOf(2), { kind: 'none' });
  const parse = (claim: Claim): ReturnType<typeof parseDatagram> =>
    parseDatagram(appendClaims(head, [encodeClaim(claim)]), 'default');
  const claim = { ...suspicion(5, 3, 7, 8, 9), slowness: 4 };
  t.like(parse(claim), { claims: { 0: claim } });
  t.like(parse({ ...claim, slowness: 200 }), { claims: { 0: { slowness: 8 } } });
  t.is(parse(suspicion(5, 3, 10, 11, 12, 13, 14, 15, 16, 17, 18)), 'limit-exceeded');
});
