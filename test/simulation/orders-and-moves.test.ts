/** Members that are forgotten, and members that move, in clusters in virtual time. */
import test from 'ava';
import type { Announcement } from '../../src/membership/announcement.ts';
import { formatEndpoint } from '../../src/wire/address.ts';
import { announcementOf, identityOf } from '../support/announcements.ts';
import { SimulatedCluster } from '../support/simulated-cluster.ts';
import type { Weather } from '../support/simulated-network.ts';

const seeds = process.env['SEED'] === undefined ? [1, 2, 3] : [Number(process.env['SEED'])];
const foulWeather: Weather = { lossProbability: 0.1, duplicationProbability: 0.05, minDelayMs: 1, maxDelayMs: 80 };

function cluster(size: number, seed: number, weather?: Weather): SimulatedCluster {
  const made = new SimulatedCluster({ seed, ...(weather && { weather }) });
  made.startNodes(1, size);
  made.converge(20_000);
  return made;
}

/** Nodes `numbers` move to where `places` are, all at one moment. Others must not notice but by their announcements. */
function move(made: SimulatedCluster, numbers: readonly number[], places: readonly number[]): void {
  const endpoints = places.map((place) => announcementOf(place).gossipEndpoint);
  for (const number of numbers) made.network.detach(announcementOf(number).gossipEndpoint);
  for (const [index, number] of numbers.entries()) made.moveTo(number, endpoints[index]!);
}

function knows(made: SimulatedCluster, viewer: number, about: number, place: number): boolean {
  const member = made.process(viewer).membership.member(identityOf(about));
  const wanted = formatEndpoint(announcementOf(place).gossipEndpoint);
  return member?.state === 'alive' && formatEndpoint(member.announcement.gossipEndpoint) === wanted;
}

for (const seed of seeds) {
  test(`a dead member that is forgotten is gone everywhere within 2 s and does not come back (SEED=${seed})`, (t) => {
    const made = cluster(8, seed);
    made.crash(3);
    made.clock.advance(40_000);
    t.true(made.everybodySees(3, 'dead'));
    t.deepEqual(
      made
        .process(1)
        .membership.forget('n3')
        .map(({ announcement }) => announcement.name),
      ['n3'],
    );
    t.not(
      made.clock.advanceUntil(() => made.everybodySees(3, undefined), 2_000),
      undefined,
    );
    made.clock.advance(120_000);
    t.true(made.everybodySees(3, undefined));
  });

  test(`a member that was forgotten and returns is a member again (SEED=${seed})`, (t) => {
    const made = cluster(8, seed);
    made.crash(3);
    made.clock.advance(40_000);
    made.process(1).membership.forget(identityOf(3));
    made.clock.advance(10_000);
    made.start(3);
    t.not(made.converge(5_000), undefined);
  });

  test(`who was cut off when somebody was forgotten hears of it afterwards (SEED=${seed})`, (t) => {
    const made = cluster(8, seed);
    made.crash(3);
    const alone = formatEndpoint(announcementOf(5).gossipEndpoint);
    made.network.cut((from, to) => from === alone || to === alone);
    made.clock.advance(60_000);
    made.process(1).membership.forget('n3');
    made.clock.advance(300_000);
    t.is(made.view(5, 3), 'dead');
    made.network.heal();
    t.not(
      made.clock.advanceUntil(() => made.isConverged() && made.everybodySees(3, undefined), 30_000),
      undefined,
    );
  });

  test(`a member that was forgotten behind a partition refutes that when it heals (SEED=${seed})`, (t) => {
    const made = cluster(6, seed);
    const alone = formatEndpoint(announcementOf(5).gossipEndpoint);
    made.network.cut((from, to) => from === alone || to === alone);
    made.clock.advance(60_000);
    made.process(1).membership.forget('n5');
    made.clock.advance(10_000);
    t.is(made.view(1, 5), undefined);
    made.network.heal();
    t.not(made.converge(30_000), undefined);
  });

  test(`the dead are looked for after days, and nobody is forgotten but by an order (SEED=${seed})`, (t) => {
    // Slow, so that days do not take minutes.
    const parameters = { probeIntervalMs: 30_000, redialIntervalMs: 30_000, pushPullIntervalMs: 600_000 };
    const made = new SimulatedCluster({ seed, parameters });
    made.startNodes(1, 4);
    made.converge(60_000);
    const left = new Set([1, 2].map((number) => formatEndpoint(announcementOf(number).gossipEndpoint)));
    made.network.cut((from, to) => left.has(from) !== left.has(to));
    made.clock.advance(2 * 86_400_000);
    t.is(made.view(1, 3), 'dead');
    t.is(made.view(4, 2), 'dead');
    made.network.heal();
    t.not(made.converge(120_000), undefined);
    made.clock.advance(60_000);
    for (const number of [2, 3, 4]) t.is(made.digest(number), made.digest(1));
  });

  for (const [name, weather] of [
    ['fair', undefined],
    ['foul', foulWeather],
  ] as const) {
    test(`a node that moves is followed within 3 s in ${name} weather, and never dead (SEED=${seed})`, (t) => {
      const made = cluster(10, seed, weather);
      move(made, [4], [40]);
      const follow = (): boolean => [1, 2, 3, 5, 6, 7, 8, 9, 10].every((viewer) => knows(made, viewer, 4, 40));
      t.not(made.clock.advanceUntil(follow, 3_000), undefined);
      made.clock.advance(60_000);
      t.true(follow());
      t.false(made.history.some((line) => line.includes('=dead')));
    });

    test(`two nodes that swap addresses are followed within 3 s in ${name} weather, and never dead (SEED=${seed})`, (t) => {
      const made = cluster(10, seed, weather);
      move(made, [4, 5], [5, 4]);
      const viewers = [1, 2, 3, 6, 7, 8, 9, 10];
      const follow = (): boolean =>
        [5, ...viewers].every((viewer) => knows(made, viewer, 4, 5)) &&
        [4, ...viewers].every((viewer) => knows(made, viewer, 5, 4));
      t.not(made.clock.advanceUntil(follow, 3_000), undefined);
      made.clock.advance(60_000);
      t.true(follow());
      t.false(made.history.some((line) => line.includes('=dead')));
    });
  }

  test(`two nodes that are all there is swap addresses and find each other (SEED=${seed})`, (t) => {
    const made = cluster(2, seed);
    move(made, [1, 2], [2, 1]);
    const follow = (): boolean => knows(made, 1, 2, 1) && knows(made, 2, 1, 2);
    t.not(made.clock.advanceUntil(follow, 10_000), undefined);
  });

  test(`announcements are as old as they are, wherever they came along (SEED=${seed})`, (t) => {
    const made = cluster(10, seed);
    made.clock.advance(10_000);
    made.process(4).membership.announce({ mtuBytes: 1_400 } satisfies Partial<Announcement>);
    const announcedMs = made.clock.nowMs();
    made.clock.advance(5_000);
    made.start(11);
    made.clock.advance(3_000);
    for (const viewer of [1, 2, 3, 5, 6, 7, 8, 9, 10, 11]) {
      const member = made.process(viewer).membership.member(identityOf(4))!;
      t.is(member.announcement.mtuBytes, 1_400);
      // On the wire it does not age: some ms are lost per hop.
      t.true(member.announcedMs >= announcedMs && member.announcedMs < announcedMs + 20, `${member.announcedMs}`);
    }
  });
}
