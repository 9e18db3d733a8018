import test from 'ava';
import type { Announcement, Member } from '../../src/membership/announcement.ts';
import { sealAnnouncement } from '../../src/membership/announcement-codec.ts';
import { encodeClaim } from '../../src/membership/claim-codec.ts';
import { encodeDatagram, parseDatagram } from '../../src/membership/codec.ts';
import { encodeExchange, parseExchange } from '../../src/membership/exchange-codec.ts';
import { Membership } from '../../src/membership/membership.ts';
import type { Claim, Directive } from '../../src/membership/message.ts';
import { announcementOf, identityOf } from '../support/announcements.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';
import { silentLogger } from '../support/silent-logger.ts';
import { appendClaims } from '../support/appended-claims.ts';

interface Bench {
  readonly clock: ManualClock;
  readonly membership: Membership;
  /** Members after each change. */
  readonly changes: (readonly Member[])[];
  readonly sent: Uint8Array[];
  /** Orders as they were heard of. */
  readonly heard: Directive[];
  /** Members before and after each change, by name and state. */
  readonly moves: string[];
}

function bench(): Bench {
  const clock = new ManualClock();
  const changes: (readonly Member[])[] = [];
  const sent: Uint8Array[] = [];
  const heard: Directive[] = [];
  const moves: string[] = [];
  const membership = new Membership({
    self: announcementOf(1),
    seeds: [],
    clock,
    random: new SeededRandom(1),
    transport: { sendDatagram: (_to, bytes) => sent.push(bytes), exchange: () => {} },
    logger: silentLogger,
    onChange: (noted) => {
      changes.push(membership.members());
      moves.push(...noted.map(({ before, after }) => `${nameOf(before)} -> ${nameOf(after)}`));
    },
    onDirective: (directive) => heard.push(directive),
  });
  membership.start();
  return { clock, membership, changes, sent, heard, moves };
}

function nameOf(member: Member | undefined): string {
  return member === undefined ? 'nobody' : `${member.announcement.name} ${member.state}`;
}

function claim(number: number, fields: Partial<Claim> = {}, change: Partial<Announcement> = {}): Claim {
  const sealed = sealAnnouncement(announcementOf(number, change));
  return {
    identity: identityOf(number),
    incarnation: 1,
    state: 'alive',
    sealed,
    announcedAt: 1,
    ageSeconds: 0,
    ...fields,
  };
}

function datagram(sender: number, claims: readonly Claim[], network = 'default'): Uint8Array {
  return appendClaims(encodeDatagram(network, identityOf(sender), { kind: 'none' }), claims.map(encodeClaim));
}

const from = announcementOf(2).gossipEndpoint;

test('one input brings one change, with all members in order', (t) => {
  const { membership, changes } = bench();
  membership.handleDatagram(from, datagram(2, [claim(4), claim(2), claim(3)]));
  t.is(changes.length, 1);
  t.deepEqual(
    changes[0]!.map(({ announcement }) => announcement.name),
    ['n1', 'n2', 'n3', 'n4'],
  );
  membership.handleDatagram(from, datagram(2, [claim(4), claim(2), claim(3)]));
  t.is(changes.length, 1);
});

test('a message of another network changes nothing and is counted', (t) => {
  const { membership, changes } = bench();
  membership.handleDatagram(from, datagram(2, [claim(2)], 'other'));
  t.is(
    membership.handleExchange(
      from,
      encodeExchange('other', { sender: identityOf(2), claims: [claim(2)], directives: [] }),
    ),
    undefined,
  );
  t.is(changes.length, 0);
  t.is(membership.refused()['network-other'], 2);
});

test('an exchange gives back everything, what just came included', (t) => {
  const { membership } = bench();
  const reply = membership.handleExchange(
    from,
    encodeExchange('default', { sender: identityOf(2), claims: [claim(2), claim(3)], directives: [] }),
  )!;
  const parsed = parseExchange(reply, 'default');
  t.true(typeof parsed === 'object');
  if (typeof parsed === 'object') {
    t.is(parsed.sender, identityOf(1));
    t.deepEqual(
      parsed.claims.map(({ identity }) => identity),
      [identityOf(1), identityOf(2), identityOf(3)],
    );
  }
});

test('a node that hears of its own death in an exchange refutes it in the reply', (t) => {
  const { membership } = bench();
  const dead = claim(1, { state: 'dead', incarnation: 6, announcedAt: 6 });
  const reply = membership.handleExchange(
    from,
    encodeExchange('default', { sender: identityOf(2), claims: [dead], directives: [] }),
  )!;
  t.like(parseExchange(reply, 'default'), { claims: { 0: { state: 'alive', incarnation: 7 } } });
});

test('a death learned in an exchange is only a suspicion at first, and a death if nobody refutes it', (t) => {
  const { membership, clock } = bench();
  const stateOf = (): string | undefined =>
    membership.members().find(({ announcement }) => announcement.name === 'n3')?.state;
  membership.handleDatagram(from, datagram(2, [claim(3)]));
  membership.handleExchange(
    from,
    encodeExchange('default', { sender: identityOf(2), claims: [claim(3, { state: 'dead' })], directives: [] }),
  );
  t.is(stateOf(), 'suspect');
  clock.advance(2_900);
  t.is(stateOf(), 'suspect');
  clock.advance(1_000);
  t.is(stateOf(), 'dead');
});

test('a claim that is implausibly far ahead is refused', (t) => {
  const { membership } = bench();
  membership.handleDatagram(from, datagram(2, [claim(3)]));
  const ahead = { incarnation: 2_000_000, announcedAt: 2_000_000 };
  membership.handleDatagram(from, datagram(2, [claim(3, ahead), claim(1, ahead)]));
  t.is(membership.refused()['incarnation-jump'], 2);
  t.deepEqual(
    membership.members().map(({ incarnation }) => incarnation),
    [1, 1],
  );
});

test('identity and network cannot be announced anew', (t) => {
  const { membership } = bench();
  t.throws(() => membership.announce({ identity: identityOf(9) }), { instanceOf: RangeError });
  t.throws(() => membership.announce({ network: 'other' }), { instanceOf: RangeError });
});

test('a change of what is announced comes under a new incarnation', (t) => {
  const { membership, changes } = bench();
  membership.announce({ mtuBytes: 1400 });
  t.is(changes.length, 1);
  t.like(membership.members()[0], { incarnation: 2, announcement: { mtuBytes: 1400 } });
});

test('after the stop nothing is sent, taken or answered', (t) => {
  const { membership, clock, changes, sent } = bench();
  membership.handleDatagram(from, datagram(2, [claim(2)]));
  membership.stop();
  const before = [changes.length, sent.length];
  membership.handleDatagram(from, datagram(2, [claim(3)]));
  t.is(
    membership.handleExchange(from, encodeExchange('default', { sender: identityOf(2), claims: [], directives: [] })),
    undefined,
  );
  clock.advance(60_000);
  t.deepEqual([changes.length, sent.length], before);
});

test('what changed is told in order, with what was before', (t) => {
  const { membership, moves } = bench();
  membership.handleDatagram(from, datagram(2, [claim(3), claim(3, { state: 'left' })]));
  membership.forget('n3');
  t.deepEqual(moves, ['nobody -> n3 alive', 'n3 alive -> n3 left', 'n3 left -> nobody']);
});

test('an order is heard of once, by whoever gives it too', (t) => {
  const { membership, heard } = bench();
  membership.issue('key-primary', Uint8Array.of(1));
  const [directive] = membership.directives();
  const exchange = { sender: identityOf(2), claims: [], directives: [{ directive: directive!, ageSeconds: 0 }] };
  membership.handleExchange(from, encodeExchange('default', exchange));
  t.deepEqual(heard, [{ subject: 'key-primary', version: 1, content: Uint8Array.of(1) }]);
});

test('an order leaves with the next datagrams', (t) => {
  const { clock, membership, sent } = bench();
  membership.handleDatagram(from, datagram(2, [claim(2)]));
  membership.issue('key-primary', Uint8Array.of(1));
  clock.advance(1_000);
  const orders = sent.map((bytes) => parseDatagram(bytes, 'default')).filter((message) => typeof message === 'object');
  t.true(orders.some(({ directives }) => directives.some(({ directive }) => directive.subject === 'key-primary')));
});

test('nobody unknown or alive can be forgotten', (t) => {
  const { membership } = bench();
  membership.handleDatagram(from, datagram(2, [claim(3), claim(4, { state: 'suspect' })]));
  t.throws(() => membership.forget('n9'), { code: 'peer-unknown' });
  t.throws(() => membership.forget('n1'), { code: 'peer-alive', message: /^peer n1: is alive/ });
  t.throws(() => membership.forget('n3'), { code: 'peer-alive' });
  t.throws(() => membership.forget(identityOf(4)), { code: 'peer-alive', message: /is suspect/ });
});

test('of several members of one name those are forgotten that are gone', (t) => {
  const { membership } = bench();
  const gone = claim(3, { state: 'dead' }, { name: 'twin' });
  membership.handleDatagram(from, datagram(2, [gone, claim(4, {}, { name: 'twin' })]));
  t.deepEqual(
    membership.forget('twin').map(({ announcement }) => announcement.identity),
    [identityOf(3)],
  );
  t.deepEqual(
    membership.members().map(({ announcement }) => announcement.identity),
    [identityOf(1), identityOf(4)],
  );
});

test('who is forgotten is not learned again in the same incarnation, but in a higher one', (t) => {
  const { membership } = bench();
  const dead = claim(3, { state: 'dead', incarnation: 5, announcedAt: 5 });
  membership.handleDatagram(from, datagram(2, [dead]));
  membership.forget('n3');
  membership.handleDatagram(from, datagram(2, [dead, claim(3, { incarnation: 5, announcedAt: 5 })]));
  t.is(membership.member(identityOf(3)), undefined);
  membership.handleDatagram(from, datagram(2, [claim(3, { incarnation: 6, announcedAt: 6 })]));
  t.is(membership.member(identityOf(3))?.state, 'alive');
});

test('whoever is ordered to be forgotten and is there says so under a higher incarnation', (t) => {
  const { membership } = bench();
  const directive = { subject: `forget/${identityOf(1)}`, version: 1, content: Uint8Array.of(0, 0, 0, 7) };
  const exchange = { sender: identityOf(2), claims: [], directives: [{ directive, ageSeconds: 0 }] };
  const reply = membership.handleExchange(from, encodeExchange('default', exchange))!;
  t.like(parseExchange(reply, 'default'), {
    claims: { 0: { identity: identityOf(1), incarnation: 8, announcedAt: 8 } },
  });
});

test('whoever asks here for another hears where that one is', (t) => {
  const { membership, sent } = bench();
  membership.handleDatagram(from, datagram(2, [claim(2), claim(3)]));
  const before = sent.length;
  membership.handleDatagram(
    from,
    encodeDatagram('default', identityOf(2), { kind: 'ping', sequence: 1, target: identityOf(3) }),
  );
  t.is(sent.length, before + 1);
  t.like(parseDatagram(sent.at(-1)!, 'default'), {
    body: { kind: 'none' },
    claims: { 0: { identity: identityOf(3) }, 1: { identity: identityOf(1) } },
  });
});
