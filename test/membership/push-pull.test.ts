import test from 'ava';
import type { MemberState } from '../../src/membership/announcement.ts';
import { sealAnnouncement } from '../../src/membership/announcement-codec.ts';
import { MemberTable } from '../../src/membership/member-table.ts';
import { defaultParameters } from '../../src/membership/parameters.ts';
import { PushPull, pushPullIntervalMs } from '../../src/membership/push-pull.ts';
import { formatEndpoint } from '../../src/wire/address.ts';
import { announcementOf, endpoint, identityOf } from '../support/announcements.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { SeededRandom } from '../support/seeded-random.ts';

const comes = test.macro({
  exec: (t, clusterSize: number, intervalMs: number) =>
    t.is(pushPullIntervalMs(defaultParameters, clusterSize), intervalMs),
  title: (_name, clusterSize: number, intervalMs: number) =>
    `in a cluster of ${clusterSize} a push-pull comes every ${intervalMs} ms`,
});

test(comes, 1, 30_000);
test(comes, 32, 30_000);
test(comes, 33, 60_000);
test(comes, 1_000, 180_000);

interface Bench {
  readonly clock: ManualClock;
  readonly pushPull: PushPull;
  readonly dialled: string[];
  readonly hangUp: (() => void)[];
  learn(number: number, state: MemberState): void;
}

/** Node 1, whose dials are noted and end when `hangUp` says so. */
function bench(seeds: readonly string[]): Bench {
  const clock = new ManualClock();
  const table = new MemberTable(identityOf(1), defaultParameters);
  const dialled: string[] = [];
  const hangUp: (() => void)[] = [];
  const pushPull = new PushPull({
    clock,
    random: new SeededRandom(1),
    parameters: defaultParameters,
    table,
    transport: {
      exchange: (to, _request, onReply) => {
        dialled.push(formatEndpoint(to));
        hangUp.push(() => onReply(undefined));
      },
    },
    seeds: seeds.map(endpoint),
    ownEndpoint: () => announcementOf(1).gossipEndpoint,
    request: () => new Uint8Array(0),
    onReply: () => {},
  });
  const learn = (number: number, state: MemberState): void => {
    const sealed = sealAnnouncement(announcementOf(number));
    table.apply({ identity: identityOf(number), incarnation: 1, state, sealed, announcedAt: 1, ageSeconds: 0 }, 0);
  };
  return { clock, pushPull, dialled, hangUp, learn };
}

test('seeds are dialled ever less often while nobody is there, and never given up', (t) => {
  const made = bench(['198.18.0.9:7948']);
  made.pushPull.join();
  let attempts = 0;
  for (let second = 0; second < 600; second++) {
    for (const end of made.hangUp.splice(0)) end();
    made.clock.advance(1_000);
    if (second === 9) attempts = made.dialled.length;
  }
  t.true(attempts >= 4 && attempts <= 8, `${attempts} attempts in 10 s`);
  t.true(made.dialled.length >= 100 && made.dialled.length <= 140, `${made.dialled.length} attempts in 600 s`);
});

test('no more attempts to join once somebody is there', (t) => {
  const made = bench(['198.18.0.9:7948']);
  made.pushPull.join();
  made.learn(9, 'alive');
  for (const end of made.hangUp.splice(0)) end();
  made.clock.advance(60_000);
  t.is(made.dialled.length, 1);
});

test('this node does not dial itself, and nobody twice at a time', (t) => {
  const made = bench(['198.18.0.1:7948', '198.18.0.9:7948', '198.18.0.9:7948']);
  made.pushPull.join();
  t.deepEqual(made.dialled, ['198.18.0.9:7948']);
});

test('lost seeds and the dead are tried in turn; the living and those who left are not', (t) => {
  const made = bench(['198.18.0.9:7948', '198.18.0.2:7948', '198.18.0.1:7948']);
  made.learn(2, 'alive');
  made.learn(3, 'dead');
  made.learn(4, 'left');
  made.learn(5, 'suspect');
  for (let round = 0; round < 10; round++) {
    made.pushPull.redial();
    for (const end of made.hangUp.splice(0)) end();
  }
  t.deepEqual(made.dialled.toSorted(), [
    ...Array.from({ length: 5 }, () => '198.18.0.3:7948'),
    ...Array.from({ length: 5 }, () => '198.18.0.9:7948'),
  ]);
});

test('strangers are dialled at most once a second', (t) => {
  const made = bench([]);
  for (let number = 10; number < 20; number++) made.pushPull.introduce(announcementOf(number).gossipEndpoint);
  made.clock.advance(1_000);
  made.pushPull.introduce(announcementOf(20).gossipEndpoint);
  t.is(made.dialled.length, 2);
});
