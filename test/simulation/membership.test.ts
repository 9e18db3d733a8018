import test from 'ava';
import { announcementOf } from '../support/announcements.ts';
import { SimulatedCluster } from '../support/simulated-cluster.ts';
import { formatEndpoint } from '../../src/wire/address.ts';
import type { Weather } from '../support/simulated-network.ts';

const seeds = process.env['SEED'] === undefined ? [1, 2, 3] : [Number(process.env['SEED'])];
const foulWeather: Weather = { lossProbability: 0.1, duplicationProbability: 0.05, minDelayMs: 1, maxDelayMs: 80 };

function cluster(size: number, seed: number, weather?: Weather): SimulatedCluster {
  const made = new SimulatedCluster({ seed, ...(weather && { weather }) });
  made.startNodes(1, size);
  return made;
}

/** What the nodes of a small cluster saw while one of them crashed and came back, in foul weather. */
function eventfulHistory(seed: number): readonly string[] {
  const made = cluster(7, seed, foulWeather);
  made.clock.advance(10_000);
  made.crash(5);
  made.clock.advance(15_000);
  made.start(5);
  made.clock.advance(15_000);
  return made.history;
}

for (const seed of seeds) {
  for (const size of [3, 10, 50]) {
    test(`${size} nodes that start at once find each other within 5 s (SEED=${seed})`, (t) => {
      const made = cluster(size, seed);
      t.not(made.converge(5_000), undefined);
      t.true(made.network.longestDatagramBytes <= 1_200);
    });
  }

  for (const size of [3, 10]) {
    test(`a crashed node of ${size} is dead for everybody within 5 s (SEED=${seed})`, (t) => {
      const made = cluster(size, seed);
      made.converge(5_000);
      made.crash(2);
      const elapsedMs = made.clock.advanceUntil(() => made.everybodySees(2, 'dead'), 5_000);
      t.not(elapsedMs, undefined);
      t.true(made.isConverged());
    });
  }

  test(`a node that restarts before anybody noticed stays alive throughout (SEED=${seed})`, (t) => {
    const made = cluster(5, seed);
    made.converge(5_000);
    made.crash(3);
    made.clock.advance(200);
    made.start(3);
    made.clock.advance(20_000);
    t.true(made.isConverged());
    t.false(made.history.some((line) => line.includes('n3=dead')));
  });

  test(`a dead node that restarts is back for everybody within 2 s (SEED=${seed})`, (t) => {
    const made = cluster(5, seed);
    made.converge(5_000);
    made.crash(3);
    made.clock.advance(20_000);
    t.true(made.everybodySees(3, 'dead'));
    made.start(3);
    t.not(made.converge(2_000), undefined);
  });

  test(`a seed that restarts without seeds of its own is found by the others (SEED=${seed})`, (t) => {
    const made = cluster(5, seed);
    made.converge(5_000);
    made.crash(1);
    made.clock.advance(30_000);
    made.start(1, {}, []);
    t.not(made.converge(10_000), undefined);
  });

  test(`both sides of a healed partition hold the same state within 15 s (SEED=${seed})`, (t) => {
    const made = cluster(8, seed);
    made.converge(5_000);
    const left = new Set([1, 2, 3].map((number) => formatEndpoint(announcementOf(number).gossipEndpoint)));
    made.network.cut((from, to) => left.has(from) !== left.has(to));
    made.clock.advance(300_000);
    t.true([4, 5, 6, 7, 8].every((number) => made.view(1, number) === 'dead'));
    t.true([1, 2, 3].every((number) => made.view(8, number) === 'dead'));
    t.true([2, 3].every((number) => made.view(1, number) === 'alive'));
    made.network.heal();
    t.not(made.converge(15_000), undefined);
    made.clock.advance(2_000);
    for (let number = 2; number <= 8; number++) t.is(made.digest(number), made.digest(1));
  });

  test(`nobody is called dead under loss, duplication and reordering (SEED=${seed})`, (t) => {
    const made = cluster(10, seed, foulWeather);
    t.not(made.converge(20_000), undefined);
    for (let second = 0; second < 300; second++) {
      made.clock.advance(1_000);
      for (let about = 1; about <= 10; about++) {
        const deadFor = Array.from({ length: 10 }, (_, index) => made.view(index + 1, about)).filter(
          (s) => s === 'dead',
        );
        t.is(deadFor.length, 0);
      }
    }
    t.not(made.converge(20_000), undefined);
  });

  test(`a lost direct path alone raises no suspicion (SEED=${seed})`, (t) => {
    const made = cluster(5, seed);
    made.converge(5_000);
    const [a, b] = [2, 4].map((number) => formatEndpoint(announcementOf(number).gossipEndpoint));
    made.network.cut((from, to) => (from === a && to === b) || (from === b && to === a));
    const before = made.history.length;
    made.clock.advance(120_000);
    t.deepEqual(
      made.history.slice(before).filter((line) => /suspect|dead/.test(line)),
      [],
    );
  });

  test(`a node that leaves is gone for everybody within 2 s and is never called dead (SEED=${seed})`, (t) => {
    const made = cluster(10, seed);
    made.converge(5_000);
    made.leave(4);
    t.not(
      made.clock.advanceUntil(() => made.everybodySees(4, 'left'), 2_000),
      undefined,
    );
    made.clock.advance(60_000);
    t.false(made.history.some((line) => line.includes('n4=dead')));
    made.start(4);
    t.not(made.converge(2_000), undefined);
  });

  test(`what a node announces anew is known everywhere within 2 s (SEED=${seed})`, (t) => {
    const made = cluster(20, seed);
    made.converge(5_000);
    made.process(7).membership.announce({ mtuBytes: 1400 });
    const everybodyKnows = (): boolean =>
      Array.from({ length: 20 }, (_, index) => made.process(index + 1).membership.members()).every((members) =>
        members.some(({ announcement }) => announcement.name === 'n7' && announcement.mtuBytes === 1400),
      );
    t.not(made.clock.advanceUntil(everybodyKnows, 2_000), undefined);
  });

  test(`a node recreated with another identity takes its name over once its old self is dead (SEED=${seed})`, (t) => {
    const made = cluster(4, seed);
    made.converge(5_000);
    made.crash(3);
    const { name, prefixes, nodeAddresses, mac, dataEndpoints, gossipEndpoint } = announcementOf(3);
    made.start(300, { name, prefixes, nodeAddresses, mac, dataEndpoints, gossipEndpoint });
    const owner = (): (string | undefined)[] => [1, 2, 4, 300].map((n) => made.routes(n).owners['10.244.3.0/24']);
    const heir = announcementOf(300).identity;
    made.clock.advance(1_500);
    t.not(owner()[0], heir);
    t.not(
      made.clock.advanceUntil(() => owner().every((identity) => identity === heir), 8_000),
      undefined,
    );
  });

  test(`two live nodes with one name: the lower identity keeps it everywhere (SEED=${seed})`, (t) => {
    const made = cluster(4, seed);
    made.start(5, { name: 'n2' });
    made.start(6, { prefixes: announcementOf(3).prefixes, nodeAddresses: announcementOf(3).nodeAddresses });
    made.converge(5_000);
    const first = made.routes(1);
    t.is(first.owners['10.244.2.0/24'], announcementOf(2).identity);
    t.is(first.owners['10.244.5.0/24'], undefined);
    t.is(first.owners['10.244.3.0/24'], announcementOf(3).identity);
    t.is(first.refused.length, 3);
    for (let number = 2; number <= 6; number++) t.deepEqual(made.routes(number), first);
  });

  test(`of two processes with one identity the higher endpoint yields, and takes over later (SEED=${seed})`, (t) => {
    const made = cluster(4, seed);
    made.converge(5_000);
    const clone = announcementOf(3, { gossipEndpoint: announcementOf(200).gossipEndpoint });
    const { membership } = made.launch(clone, [announcementOf(1).gossipEndpoint]);
    made.clock.advance(180_000);
    t.deepEqual(membership.contestedBy(), announcementOf(3).gossipEndpoint);
    const before = made.history.length;
    made.clock.advance(60_000);
    t.is(made.history.length, before);
    t.true(made.isConverged());
    made.crash(3);
    const isBack = (): boolean =>
      made
        .process(1)
        .membership.members()
        .some(
          ({ announcement, state }) =>
            state === 'alive' &&
            announcement.gossipEndpoint.port === 7948 &&
            formatEndpoint(announcement.gossipEndpoint) === formatEndpoint(clone.gossipEndpoint),
        );
    t.not(made.clock.advanceUntil(isBack, 15_000), undefined);
    t.is(membership.contestedBy(), undefined);
  });

  test(`two nodes swap addresses and are followed (SEED=${seed})`, (t) => {
    const made = cluster(5, seed);
    made.converge(5_000);
    made.crash(2);
    made.crash(3);
    made.start(2, { gossipEndpoint: announcementOf(3).gossipEndpoint });
    made.start(3, { gossipEndpoint: announcementOf(2).gossipEndpoint });
    const everybodyFollows = (): boolean =>
      [1, 4, 5].every((viewer) =>
        made
          .process(viewer)
          .membership.members()
          .some((m) => m.announcement.name === 'n2' && m.announcement.gossipEndpoint.address.bytes[3] === 3),
      );
    t.not(made.clock.advanceUntil(everybodyFollows, 5_000), undefined);
    t.not(made.converge(5_000), undefined);
  });

  test(`the same seed gives the same history (SEED=${seed})`, (t) => {
    const first = eventfulHistory(seed);
    t.true(first.length > 20);
    t.deepEqual(eventfulHistory(seed), first);
  });
}

test('another seed gives another history', (t) => {
  const histories = [1, 2].map((seed) => {
    const made = cluster(5, seed, foulWeather);
    made.clock.advance(5_000);
    return made.history.join('\n');
  });
  t.not(histories[0], histories[1]);
});
