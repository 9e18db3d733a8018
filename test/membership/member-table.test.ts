import test from 'ava';
import type { Announcement, MemberState } from '../../src/membership/announcement.ts';
import { sealAnnouncement } from '../../src/membership/announcement-codec.ts';
import { MemberTable, supersedes } from '../../src/membership/member-table.ts';
import type { Claim } from '../../src/membership/message.ts';
import { announcementOf, identityOf } from '../support/announcements.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';

const wins = test.macro({
  exec: (t, claim: string, known: string, expected: boolean) => {
    const [a, b] = [claim, known].map((text) => {
      const [state, incarnation] = text.split('@');
      return { state: state as MemberState, incarnation: Number(incarnation) };
    });
    t.is(supersedes(a!, b!), expected);
  },
  title: (_name, claim: string, known: string, expected: boolean) =>
    `${claim} ${expected ? 'replaces' : 'does not replace'} ${known}`,
});

test(wins, 'alive@2', 'alive@1', true);
test(wins, 'alive@1', 'alive@1', false);
test(wins, 'alive@1', 'suspect@1', false);
test(wins, 'alive@2', 'suspect@1', true);
test(wins, 'alive@2', 'dead@1', true);
test(wins, 'suspect@1', 'alive@1', true);
test(wins, 'suspect@1', 'alive@2', false);
test(wins, 'dead@1', 'suspect@1', true);
test(wins, 'suspect@1', 'dead@1', false);
test(wins, 'left@1', 'dead@1', true);
test(wins, 'dead@1', 'left@1', false);
test(wins, 'dead@2', 'left@1', true);

const dayMs = 24 * 3_600_000;

function table(maxMembers = 100): MemberTable {
  return new MemberTable(identityOf(1), { maxMembers, forgetAfterMs: dayMs });
}

function claim(
  number: number,
  state: MemberState,
  incarnation = 1,
  change: Partial<Announcement> = {},
): Claim & { sealed: object } {
  const sealed = sealAnnouncement(announcementOf(number, change));
  return { identity: identityOf(number), incarnation, state, sealed, announcedAt: incarnation, ageSeconds: 0 };
}

function compact(number: number, state: MemberState, incarnation = 1): Claim {
  return { ...claim(number, state, incarnation), sealed: undefined };
}

test('a claim without announcement about a stranger is of no use', (t) => {
  t.is(table().apply(compact(2, 'suspect'), 0), 'unknown');
});

test('bad news in a newer incarnation keeps the announcement, which may still be replaced', (t) => {
  const made = table();
  made.apply(claim(2, 'alive', 1), 0);
  t.is(made.apply(compact(2, 'dead', 5), 0), 'changed');
  t.is(made.apply(claim(2, 'alive', 5, { mtuBytes: 1400 }), 0), 'changed');
  const record = made.get(identityOf(2))!;
  t.is(record.state, 'dead');
  t.is(record.incarnation, 5);
  t.is(record.announcement.mtuBytes, 1400);
});

test('the time of a state starts when it was entered, not when it was confirmed', (t) => {
  const made = table();
  made.apply(claim(2, 'alive', 1), 1_000);
  made.apply(claim(2, 'alive', 2), 5_000);
  t.is(made.get(identityOf(2))!.sinceMs, 1_000);
  made.apply({ ...compact(2, 'dead', 2), ageSeconds: 3 }, 9_000);
  t.is(made.get(identityOf(2))!.sinceMs, 6_000);
});

test('who left is forgotten after a day, the dead and the living never', (t) => {
  const made = table();
  made.apply(claim(2, 'alive'), 0);
  made.apply(claim(3, 'dead'), 0);
  made.apply(claim(4, 'left'), 0);
  made.forgetExpired(dayMs - 1);
  t.is(made.members().length, 3);
  made.forgetExpired(1_000 * dayMs);
  t.deepEqual(
    made.members().map(({ announcement }) => announcement.name),
    ['n2', 'n3'],
  );
});

test('a member that left and is forgotten here is not learned again from one that is slower', (t) => {
  t.is(table().apply({ ...claim(3, 'left'), ageSeconds: 24 * 3_600 }, 0), 'unchanged');
});

test('a full table makes room by dropping the longest dead, and else takes nobody', (t) => {
  const made = table(3);
  made.apply(claim(2, 'dead'), 10);
  made.apply(claim(3, 'dead'), 5);
  made.apply(claim(4, 'alive'), 0);
  t.is(made.apply(claim(5, 'alive'), 20), 'changed');
  t.is(made.get(identityOf(3)), undefined);
  t.is(made.apply(claim(6, 'alive'), 20), 'changed');
  t.is(made.apply(claim(7, 'alive'), 20), 'full');
});

test('a full table takes no dead member that died before those it has', (t) => {
  const made = table(2);
  made.apply(claim(2, 'dead'), 10_000);
  made.apply(claim(3, 'alive'), 10_000);
  t.is(made.apply({ ...claim(4, 'dead'), ageSeconds: 5 }, 10_000), 'full');
  t.is(made.apply(claim(5, 'dead'), 11_000), 'changed');
  t.is(made.get(identityOf(2)), undefined);
});

test('this node is a member, but not among the others', (t) => {
  const made = table();
  made.setSelf({ ...claim(1, 'alive'), sealed: sealAnnouncement(announcementOf(1)) }, 0);
  made.apply(claim(2, 'suspect'), 0);
  made.apply(claim(3, 'dead'), 0);
  t.is(made.members().length, 3);
  t.deepEqual(
    made.liveOthers().map(({ announcement }) => announcement.name),
    ['n2'],
  );
  t.is(made.clusterSize(), 2);
});

for (const seed of [1, 2, 3]) {
  test(`the order in which claims come does not matter (seed ${seed})`, (t) => {
    const random = new SeededRandom(seed);
    const states: MemberState[] = ['alive', 'suspect', 'dead', 'left'];
    for (let round = 0; round < 200; round++) {
      const claims = Array.from({ length: 6 }, () => {
        const state = states[random.below(4)]!;
        const incarnation = 1 + random.below(3);
        // Two processes with one identity: the same incarnation, another announcement.
        return claim(2, state, incarnation, { mtuBytes: 1400 + random.below(3) });
      });
      const outcome = (ordered: readonly Claim[]): unknown[] => {
        const made = table();
        for (const each of ordered) made.apply(each, 0);
        return made.members().map(({ announcement, state, incarnation }) => [announcement, state, incarnation]);
      };
      t.deepEqual(outcome(claims.toReversed()), outcome(claims));
    }
  });
}
