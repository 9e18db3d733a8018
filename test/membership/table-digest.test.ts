import test from 'ava';
import { sealAnnouncement } from '../../src/membership/announcement-codec.ts';
import type { MemberState } from '../../src/membership/announcement.ts';
import { LiveMembers } from '../../src/membership/live-members.ts';
import { isLive, MemberTable } from '../../src/membership/member-table.ts';
import type { MemberRecord } from '../../src/membership/member-record.ts';
import { bucketCount, bucketOf, differingBuckets, TableDigest } from '../../src/membership/table-digest.ts';
import { announcementOf, identityOf } from '../support/announcements.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';

const states: readonly MemberState[] = ['alive', 'suspect', 'dead', 'left'];

function identitiesOf(records: Iterable<MemberRecord>): string[] {
  return [...records].map(({ announcement }) => announcement.identity).toSorted();
}

const has = test.macro({
  exec: (t, members: number, buckets: number) => t.is(bucketCount(members), buckets),
  title: (_name, members: number, buckets: number) => `a table of ${members} has a digest of ${buckets} buckets`,
});

test(has, 1, 1);
test(has, 4, 1);
test(has, 5, 2);
test(has, 10, 4);
test(has, 1_000, 256);
test(has, 10_000, 256);

for (const seed of [1, 2, 3]) {
  test(`after random changes a table is as one that was made anew (seed ${seed})`, (t) => {
    const random = new SeededRandom(seed);
    const made = new MemberTable(identityOf(1), { maxMembers: 1_000, forgetAfterMs: 1_000 });
    for (let step = 0; step < 2_000; step++) {
      const number = 2 + random.below(40);
      const incarnation = 1 + random.below(20);
      const sealed = sealAnnouncement(announcementOf(number, { mtuBytes: 1_400 + random.below(3) }));
      const state = states[random.below(4)]!;
      made.apply(
        { identity: identityOf(number), incarnation, state, sealed, announcedAt: incarnation, ageSeconds: 0 },
        step,
      );
      if (random.below(50) === 0) made.forgetExpired(step);
      if (random.below(50) === 0) made.forget(identityOf(2 + random.below(40)), 30);
    }
    const members = made.members();
    const digest = new TableDigest();
    for (const record of members) digest.add(record);
    for (const count of [1, 16, 256]) t.deepEqual(made.digest(count), digest.buckets(count));
    t.deepEqual(
      members.map(({ announcement }) => announcement.identity),
      members.map(({ announcement }) => announcement.identity).toSorted(),
    );
    t.deepEqual(identitiesOf(made.liveOthers()), identitiesOf(members.filter(({ state }) => isLive(state))));
    t.deepEqual(identitiesOf(made.gone().values()), identitiesOf(members.filter(({ state }) => !isLive(state))));
    for (const { sealed } of members) {
      const isAlive = members.some(
        (other) => other.state === 'alive' && other.sealed.endpointKey === sealed.endpointKey,
      );
      t.is(made.isAliveAt(sealed.endpointKey), isAlive);
    }
    t.is(made.size, members.length);
  });

  test(`live members are those put in and not taken out (seed ${seed})`, (t) => {
    const random = new SeededRandom(seed);
    const live = new LiveMembers();
    const twin = new Map<string, MemberRecord>();
    for (let step = 0; step < 1_000; step++) {
      const record = recordOf(2 + random.below(20), 1 + step);
      const { identity } = record.announcement;
      if (random.below(3) === 0) {
        live.delete(identity);
        twin.delete(identity);
      } else {
        live.put(record);
        twin.set(identity, record);
      }
      t.is(live.members.length, twin.size);
      t.true(live.members.every((each) => twin.get(each.announcement.identity) === each));
    }
  });
}

function recordOf(number: number, incarnation: number): MemberRecord {
  const sealed = sealAnnouncement(announcementOf(number));
  const { announcement } = sealed;
  return { announcement, sealed, incarnation, announcedAt: 1, state: 'alive', slowness: 0, sinceMs: 0, announcedMs: 0 };
}

test('a member that differs shows in its bucket and no other, whatever differs', (t) => {
  const base = recordOf(7, 3);
  const others: readonly Partial<MemberRecord>[] = [
    { incarnation: 4 },
    { state: 'suspect' },
    { announcedAt: 2 },
    { sealed: sealAnnouncement(announcementOf(7, { mtuBytes: 1_400 })) },
  ];
  for (const change of others) {
    const [one, other] = [new TableDigest(), new TableDigest()];
    for (let number = 1; number <= 100; number++) {
      if (number === 7) continue;
      one.add(recordOf(number, 1));
      other.add(recordOf(number, 1));
    }
    one.add(base);
    other.add({ ...base, ...change });
    for (const count of [1, 4, 256]) {
      t.deepEqual(differingBuckets(one.buckets(count), other.buckets(count)), [bucketOf(identityOf(7), count)]);
    }
  }
});

test('identities are spread over the buckets', (t) => {
  const counts = new Uint32Array(256);
  for (let number = 1; number <= 10_000; number++) counts[bucketOf(identityOf(number), 256)]!++;
  t.true(Math.min(...counts) > 10);
  t.true(Math.max(...counts) < 80);
});
