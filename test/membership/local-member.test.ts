import test from 'ava';
import type { Announcement, MemberState } from '../../src/membership/announcement.ts';
import { sealAnnouncement } from '../../src/membership/announcement-codec.ts';
import { MAX_INCARNATION } from '../../src/membership/limits.ts';
import { LocalMember, type ContestOutcome } from '../../src/membership/local-member.ts';
import type { Claim } from '../../src/membership/message.ts';
import { defaultParameters } from '../../src/membership/parameters.ts';
import { announcementOf, endpoint, identityOf, prefix } from '../support/announcements.ts';

function about(state: MemberState, incarnation: number, change?: Partial<Announcement>): Claim {
  const sealed = change && sealAnnouncement(announcementOf(5, change));
  return { identity: identityOf(5), incarnation, state, sealed, announcedAt: incarnation, ageSeconds: 0 };
}

const answers = test.macro({
  exec: (t, claim: Claim, outcome: ContestOutcome, incarnation: number) => {
    const local = new LocalMember(announcementOf(5), 4, defaultParameters);
    t.is(local.contest(claim, 0), outcome);
    t.is(local.claim().incarnation, incarnation);
  },
  title: (name, _claim: Claim, outcome: string) => `${name}: ${outcome}`,
});

test('what it said itself', answers, about('alive', 4, {}), 'agrees', 4);
test('old news', answers, about('dead', 3), 'agrees', 4);
test('a suspicion', answers, about('suspect', 4), 'outbid', 5);
test('its own death', answers, about('dead', 4), 'outbid', 5);
test('what an earlier run said', answers, about('alive', 9, {}), 'outbid', 10);
test('an earlier run left', answers, about('left', 9), 'outbid', 10);
test('the same incarnation with another announcement', answers, about('alive', 4, { mtuBytes: 1400 }), 'outbid', 5);
test('an incarnation that cannot be exceeded', answers, about('dead', MAX_INCARNATION), 'agrees', 4);

test('a member that has left refutes nothing', (t) => {
  const local = new LocalMember(announcementOf(5), 4, defaultParameters);
  local.leave();
  t.is(local.contest(about('dead', 7), 0), 'agrees');
  t.is(local.claim().state, 'left');
});

function outcomes(rival: string, count: number, stepMs: number): { local: LocalMember; last: ContestOutcome } {
  const local = new LocalMember(announcementOf(5), 1, defaultParameters);
  let last: ContestOutcome = 'agrees';
  for (let turn = 0; turn < count; turn++) {
    const incarnation = local.claim().incarnation + 1;
    last = local.contest(about('alive', incarnation, { gossipEndpoint: endpoint(rival) }), turn * stepMs);
  }
  return { local, last };
}

test('of two processes with one identity the higher endpoint yields at the third turn', (t) => {
  t.is(outcomes('198.18.0.1:7948', 2, 1_000).last, 'outbid');
  const { local, last } = outcomes('198.18.0.1:7948', 3, 1_000);
  t.is(last, 'yielded');
  t.deepEqual(local.contestedBy, endpoint('198.18.0.1:7948'));
});

test('the lower endpoint goes on', (t) => {
  t.is(outcomes('198.18.0.99:7948', 10, 1_000).last, 'outbid');
});

test('turns that are far apart are not a contest', (t) => {
  t.is(outcomes('198.18.0.1:7948', 10, 400_000).last, 'outbid');
});

test('whoever has yielded takes over when the other is dead', (t) => {
  const { local } = outcomes('198.18.0.1:7948', 3, 1_000);
  t.is(local.contest(about('suspect', 20), 5_000), 'yielded');
  t.is(local.contest(about('dead', 20), 6_000), 'outbid');
  t.is(local.claim().incarnation, 21);
  t.is(local.contestedBy, undefined);
});

test('a node whose keys may outgrow its announcement does not start', (t) => {
  const prefixes = Array.from({ length: 85 }, (_, index) => prefix(`10.${index}.0.0/16`));
  const change = { prefixes, nodeAddresses: [], keyIds: ['0123456789abcdef'] };
  const start = (): LocalMember => new LocalMember(announcementOf(5, change), 1, defaultParameters);
  t.throws(start, { code: 'announcement-invalid', message: /with the 8 keys/ });
});

test('an announcement that others would refuse is refused here, and nothing changes', (t) => {
  const local = new LocalMember(announcementOf(5), 4, defaultParameters);
  t.throws(() => local.announce(announcementOf(5, { name: 'two words' })), { code: 'announcement-invalid' });
  t.is(local.claim().incarnation, 4);
  t.is(local.announcement.name, 'n5');
});

test('a refutation of what this life said repeats its announcement, of anything else makes it anew', (t) => {
  const local = new LocalMember(announcementOf(5), 4, defaultParameters);
  const announcedAt = (claim: Claim): number => {
    local.contest(claim, 0);
    return local.claim().announcedAt;
  };
  // Under the first incarnation others may hold what an earlier life announced.
  t.is(announcedAt(about('suspect', 4)), 5);
  t.is(announcedAt(about('suspect', 5)), 5);
  t.is(announcedAt(about('dead', 6, {})), 5);
  t.is(announcedAt(about('suspect', 7, { mtuBytes: 1400 })), 8);
  t.is(announcedAt(about('suspect', 20)), 21);
  local.announce(announcementOf(5, { mtuBytes: 1300 }));
  t.is(local.claim().announcedAt, 22);
});

test('how slow a member is stands in its next claim, and can be said under a new incarnation', (t) => {
  const local = new LocalMember(announcementOf(5), 4, defaultParameters);
  local.slow(3);
  t.like(local.claim(), { incarnation: 4, slowness: 3 });
  local.slow(0);
  local.renew();
  t.like(local.claim(), { incarnation: 5, announcedAt: 4, slowness: 0 });
});
