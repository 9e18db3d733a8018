import test from 'ava';
import type { Announcement, Member } from '../../src/membership/announcement.ts';
import { sealAnnouncement } from '../../src/membership/announcement-codec.ts';
import {
  appendClaims,
  encodeClaim,
  encodeDatagram,
  encodeExchange,
  parseExchange,
} from '../../src/membership/codec.ts';
import { Membership } from '../../src/membership/membership.ts';
import type { Claim } from '../../src/membership/message.ts';
import { announcementOf, identityOf } from '../support/announcements.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { SeededRandom } from '../support/seeded-random.ts';
import { silentLogger } from '../support/silent-logger.ts';

interface Bench {
  readonly clock: ManualClock;
  readonly membership: Membership;
  readonly changes: (readonly Member[])[];
  readonly sent: Uint8Array[];
}

function bench(): Bench {
  const clock = new ManualClock();
  const changes: (readonly Member[])[] = [];
  const sent: Uint8Array[] = [];
  const membership = new Membership({
    self: announcementOf(1),
    seeds: [],
    clock,
    random: new SeededRandom(1),
    transport: { sendDatagram: (_to, bytes) => sent.push(bytes), exchange: () => {} },
    logger: silentLogger,
    onChange: (members) => changes.push(members),
  });
  membership.start();
  return { clock, membership, changes, sent };
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
  t.is(membership.handleExchange(from, encodeExchange('other', identityOf(2), [claim(2)])), undefined);
  t.is(changes.length, 0);
  t.is(membership.refused()['network-other'], 2);
});

test('an exchange gives back everything, what just came included', (t) => {
  const { membership } = bench();
  const reply = membership.handleExchange(from, encodeExchange('default', identityOf(2), [claim(2), claim(3)]))!;
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
  const reply = membership.handleExchange(from, encodeExchange('default', identityOf(2), [dead]))!;
  t.like(parseExchange(reply, 'default'), { claims: { 0: { state: 'alive', incarnation: 7 } } });
});

test('a death learned in an exchange is only a suspicion at first, and a death if nobody refutes it', (t) => {
  const { membership, clock } = bench();
  const stateOf = (): string | undefined =>
    membership.members().find(({ announcement }) => announcement.name === 'n3')?.state;
  membership.handleDatagram(from, datagram(2, [claim(3)]));
  membership.handleExchange(from, encodeExchange('default', identityOf(2), [claim(3, { state: 'dead' })]));
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
  t.is(membership.handleExchange(from, encodeExchange('default', identityOf(2), [])), undefined);
  clock.advance(60_000);
  t.deepEqual([changes.length, sent.length], before);
});
