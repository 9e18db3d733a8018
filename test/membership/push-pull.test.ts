import test from 'ava';
import type { MemberState } from '../../src/membership/announcement.ts';
import { sealAnnouncement } from '../../src/membership/announcement-codec.ts';
import { MemberTable } from '../../src/membership/member-table.ts';
import { defaultParameters } from '../../src/membership/parameters.ts';
import { PushPull, pushPullIntervalMs } from '../../src/membership/push-pull.ts';
import { formatEndpoint } from '../../src/wire/address.ts';
import { announcementOf, endpoint, identityOf } from '../support/announcements.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';

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
    onReply: () => undefined,
    onLastReply: () => {},
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

test('three seeds are dialled, another when one hangs up, and three more when those do not answer for a while', (t) => {
  const made = bench(Array.from({ length: 7 }, (_, index) => `198.18.0.${10 + index}:7948`));
  made.pushPull.join();
  t.is(made.dialled.length, 3);
  made.hangUp.shift()!();
  t.is(made.dialled.length, 4);
  made.clock.advance(260);
  t.is(new Set(made.dialled).size, 7);
});

test('no more seeds are dialled once somebody is there', (t) => {
  const made = bench(Array.from({ length: 7 }, (_, index) => `198.18.0.${10 + index}:7948`));
  made.pushPull.join();
  made.learn(10, 'alive');
  made.hangUp.shift()!();
  made.clock.advance(60_000);
  t.is(made.dialled.length, 3);
});

test('other seeds are all dialled at once', (t) => {
  const made = bench([]);
  made.learn(2, 'alive');
  made.pushPull.setSeeds(['198.18.0.7:7948', '198.18.0.8:7948', '198.18.0.9:7948'].map(endpoint));
  made.pushPull.rejoin();
  t.is(made.dialled.length, 3);
});

test('lost seeds and the dead are tried in turn, those who left now and then; the living are not', (t) => {
  const made = bench(['198.18.0.9:7948', '198.18.0.2:7948', '198.18.0.1:7948']);
  made.learn(2, 'alive');
  made.learn(3, 'dead');
  made.learn(4, 'left');
  made.learn(5, 'suspect');
  for (let round = 0; round < 12; round++) {
    made.pushPull.redial();
    for (const end of made.hangUp.splice(0)) end();
  }
  t.deepEqual(made.dialled.toSorted(), [
    ...Array.from({ length: 4 }, () => '198.18.0.3:7948'),
    ...Array.from({ length: 3 }, () => '198.18.0.4:7948'),
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

/** Node 1, whose exchange with node 2 brings `news` members, and takes `requests` requests. */
function exchanging(news: number, requests: number): { pushPull: PushPull; table: MemberTable; taken: () => number } {
  const table = new MemberTable(identityOf(1), defaultParameters);
  const know = (number: number): void => {
    const sealed = sealAnnouncement(announcementOf(number));
    const identity = identityOf(number);
    table.apply({ identity, incarnation: 1, state: 'alive', sealed, announcedAt: 1, ageSeconds: 0 }, 0);
  };
  know(2);
  let taken = 0;
  const pushPull = new PushPull({
    clock: new ManualClock(),
    random: new SeededRandom(1),
    parameters: defaultParameters,
    table,
    transport: {
      exchange: (_to, _request, onReply) => {
        taken++;
        onReply(new Uint8Array(0));
      },
    },
    seeds: [],
    ownEndpoint: () => announcementOf(1).gossipEndpoint,
    request: () => new Uint8Array(0),
    onReply: () => {
      for (let number = 3; number < 3 + news; number++) know(number);
      return taken < requests ? new Uint8Array(0) : undefined;
    },
    onLastReply: () => {},
  });
  return { pushPull, table, taken: () => taken };
}

test('after an exchange that brought something the next comes soon, after one that did not it does not', (t) => {
  const { pushPull, table } = exchanging(2, 1);
  t.is(pushPull.intervalMs(), 30_000);
  pushPull.exchangeWithAnyone();
  t.is(table.size, 3);
  t.is(pushPull.intervalMs(), 2_000);
  pushPull.exchangeWithAnyone();
  t.is(pushPull.intervalMs(), 30_000);
});

test('after an exchange that gave something the next comes soon', (t) => {
  const { pushPull } = exchanging(0, 2);
  pushPull.exchangeWithAnyone();
  t.is(pushPull.intervalMs(), 2_000);
});

test('an exchange takes two requests at most', (t) => {
  const { pushPull, taken } = exchanging(0, 10);
  pushPull.exchangeWithAnyone();
  t.is(taken(), 2);
  t.is(pushPull.exchangesStarted, 1);
});

test('a request that gets no reply counts as failed, and does not stand in the way of the next', (t) => {
  const made = bench(['198.18.0.9:7948']);
  made.pushPull.redial();
  made.pushPull.redial();
  t.is(made.dialled.length, 1);
  for (const end of made.hangUp.splice(0)) end();
  made.pushPull.redial();
  t.is(made.dialled.length, 2);
  t.is(made.pushPull.exchangesFailed, 1);
});

test('a node that moved tells somebody at once', (t) => {
  const made = bench([]);
  made.learn(2, 'alive');
  made.pushPull.moved(endpoint('198.18.0.50:7948'));
  t.deepEqual(made.dialled, ['198.18.0.2:7948']);
});

test('after little that differed in a large cluster the next exchange comes somewhat sooner', (t) => {
  const { pushPull, table } = exchanging(2, 1);
  for (let number = 1_000; number < 1_500; number++) {
    const sealed = sealAnnouncement(announcementOf(number));
    const identity = identityOf(number);
    table.apply({ identity, incarnation: 1, state: 'alive', sealed, announcedAt: 1, ageSeconds: 0 }, 0);
  }
  pushPull.exchangeWithAnyone();
  t.is(pushPull.intervalMs(), 18_750);
  t.is(pushPull.intervalMs(), 150_000);
});
