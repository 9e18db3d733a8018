import test from 'ava';
import { EventLog } from '../../../src/daemon/process/event-log.ts';
import { noteMember } from '../../../src/daemon/gossip/member-history.ts';
import type { Member } from '../../../src/membership/announcement.ts';
import { endpoint, identityOf, memberOf, prefix } from '../../support/announcements.ts';

function eventsOf(before: Member | undefined, after: Member | undefined): string[] {
  const log = new EventLog(() => 0);
  noteMember(log, { before, after });
  return log.list().map(({ kind, message }) => `${kind}: ${message}`);
}

const becomes = test.macro<[Member | undefined, Member | undefined, ...string[]]>({
  exec: (t, before, after, ...expected) => t.deepEqual(eventsOf(before, after), expected),
  title: (name, _before, _after, ...expected) => `${name} is ${expected.length === 0 ? 'no' : 'an'} event`,
});

const { announcement } = memberOf(2);
const alive: Member = { ...memberOf(2), announcement };
const suspect: Member = { ...memberOf(2, {}, 'suspect'), announcement };
const dead: Member = { ...memberOf(2, {}, 'dead'), announcement };
const left: Member = { ...memberOf(2, {}, 'left'), announcement };

test('a node that is new', becomes, undefined, alive, 'member-joined: n2 joined, at 198.18.0.2:7948');
test('a node that is new and suspect', becomes, undefined, suspect, 'member-joined: n2 joined, at 198.18.0.2:7948');
test('a node of which only its death is heard', becomes, undefined, dead, 'member-dead: n2 is dead, as others tell');
test('a suspicion', becomes, alive, suspect, 'member-suspect: n2 is suspect: it does not answer');
test(
  'a refutation',
  becomes,
  suspect,
  { ...alive, incarnation: 2 },
  'member-alive: n2 refuted the suspicion, with version 2',
);
test('a death', becomes, suspect, dead, 'member-dead: n2 is dead: it has not refuted the suspicion in time');
test('a departure', becomes, alive, left, 'member-left: n2 left');
test('a return', becomes, dead, { ...alive, incarnation: 5 }, 'member-alive: n2 is back, with version 5; it was dead');
test('that a node is forgotten', becomes, dead, undefined, 'member-forgotten: n2, which was dead, is forgotten');
test(
  'another address',
  becomes,
  alive,
  memberOf(2, {
    gossipEndpoint: endpoint('198.18.0.99:7948'),
    dataEndpoints: [{ gear: 'userspace', endpoint: endpoint('198.18.0.99:4789') }],
  }),
  'member-address-changed: n2 moved from 198.18.0.2 to 198.18.0.99',
);
test(
  'another port',
  becomes,
  alive,
  memberOf(2, { gossipEndpoint: endpoint('198.18.0.2:7949') }),
  'member-address-changed: n2 moved from 198.18.0.2:7948 and 198.18.0.2:4789 to 198.18.0.2:7949 and 198.18.0.2:4789',
);
test(
  'other prefixes and keys',
  becomes,
  alive,
  memberOf(2, { prefixes: [prefix('10.244.7.0/24')], keyIds: ['0123456789abcdef'] }),
  'member-announced: n2 announces other prefixes, keys',
);
test(
  'what a node measures',
  becomes,
  alive,
  memberOf(2, { pathReports: [{ identity: identityOf(3), lossPermille: 500, roundTripUs: 0 }] }),
);
test('another name', becomes, alive, memberOf(2, { name: 'db' }), 'member-announced: n2 is now called db');

test('the same said again is none', (t) => t.deepEqual(eventsOf(alive, { ...memberOf(2), incarnation: 7 }), []));
