import test from 'ava';
import { sealAnnouncement } from '../../src/membership/announcement-codec.ts';
import type { MemberState } from '../../src/membership/announcement.ts';
import { Dissemination } from '../../src/membership/dissemination.ts';
import { GossipRounds } from '../../src/membership/gossip-rounds.ts';
import { MemberTable } from '../../src/membership/member-table.ts';
import { presets } from '../../src/membership/parameters.ts';
import { announcementOf, identityOf } from '../support/announcements.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';

interface Bench {
  readonly clock: ManualClock;
  readonly rounds: GossipRounds;
  readonly table: MemberTable;
  /** Something new is known about node `number`. */
  readonly news: (number: number) => void;
  readonly sent: { atMs: number; to: number }[];
}

/** Node 1 with nodes 2 to `size`. Each datagram takes all the news along. */
function bench(size: number): Bench {
  const clock = new ManualClock();
  const random = new SeededRandom(1);
  const parameters = presets.lan;
  const table = new MemberTable(identityOf(1), parameters);
  const dissemination = new Dissemination(parameters);
  const sent: Bench['sent'] = [];
  const rounds = new GossipRounds({
    clock,
    random,
    parameters,
    table,
    dissemination,
    send: (to) => {
      dissemination.take(1_000, table.clusterSize(), clock.nowMs());
      sent.push({ atMs: clock.nowMs(), to: to.address.bytes[3]! });
    },
  });
  const made: Bench = {
    clock,
    rounds,
    table,
    sent,
    news: (number) => {
      dissemination.enqueue(
        { about: identityOf(number), tag: 50, bytes: new Uint8Array(40), announcedMs: undefined },
        0,
      );
      rounds.soon();
    },
  };
  for (let number = 2; number <= size; number++) become(made, number, 'alive');
  return made;
}

function become({ table, rounds }: Bench, number: number, state: MemberState): void {
  const sealed = sealAnnouncement(announcementOf(number));
  const identity = identityOf(number);
  table.apply({ identity, incarnation: 1, state, sealed, announcedAt: 1, ageSeconds: 0 }, 0);
  rounds.follow(table.get(identity)!);
}

test('without news there is no round', (t) => {
  const { clock, sent } = bench(10);
  clock.advance(60_000);
  t.deepEqual(sent, []);
});

test('the first round follows at once, further ones about once per interval, until it was sent often enough', (t) => {
  const { clock, news, sent } = bench(10);
  clock.advance(1_000);
  news(2);
  clock.advance(60_000);
  t.is(sent.length, 9);
  const rounds = [...new Set(sent.map(({ atMs }) => atMs))];
  t.is(rounds.length, 3);
  t.true(rounds[0]! >= 1_000 && rounds[0]! <= 1_020);
  for (const [index, atMs] of rounds.slice(1).entries()) {
    const sinceMs = atMs - rounds[index]!;
    t.true(sinceMs >= 180 && sinceMs <= 220);
  }
});

test('news that comes all the time is sent no more often than once per interval', (t) => {
  const { clock, news, sent } = bench(10);
  for (let tick = 0; tick < 1_000; tick++) {
    news(2 + (tick % 8));
    clock.advance(1);
  }
  const rounds = new Set(sent.map(({ atMs }) => atMs)).size;
  t.true(rounds >= 5 && rounds <= 6, `${rounds} rounds in a second`);
});

test('news that nobody is there to hear starts no endless rounds, and is sent when somebody is', (t) => {
  const made = bench(1);
  made.news(1);
  made.clock.advance(60_000);
  t.is(made.sent.length, 0);
  become(made, 2, 'alive');
  made.rounds.soon();
  made.clock.advance(1_000);
  t.true(made.sent.length > 0);
});

test('after the stop there is no round', (t) => {
  const { clock, rounds, news, sent } = bench(10);
  news(2);
  clock.advance(30);
  t.is(sent.length, 3);
  rounds.stop();
  news(3);
  clock.advance(60_000);
  t.is(sent.length, 3);
});

test('who died gets gossip for 30 s, and no longer', (t) => {
  const made = bench(3);
  become(made, 2, 'dead');
  const sentTo2 = (): number => made.sent.filter(({ to }) => to === 2).length;
  for (let round = 0; round < 100; round++) {
    made.news(3);
    made.clock.advance(290);
  }
  made.clock.advance(2_000);
  const within = sentTo2();
  t.true(within > 10);
  for (let round = 0; round < 100; round++) {
    made.news(3);
    made.clock.advance(290);
  }
  t.is(sentTo2(), within);
});

test('who died and returned gets no more than others', (t) => {
  const made = bench(3);
  become(made, 2, 'dead');
  const sealed = sealAnnouncement(announcementOf(2));
  const identity = identityOf(2);
  made.table.apply({ identity, incarnation: 2, state: 'alive', sealed, announcedAt: 2, ageSeconds: 0 }, 0);
  made.rounds.follow(made.table.get(identity)!);
  for (let round = 0; round < 50; round++) {
    made.news(3);
    made.clock.advance(290);
  }
  t.is(made.sent.filter(({ to }) => to === 2).length, made.sent.filter(({ to }) => to === 3).length);
});
