import test from 'ava';
import { formatEndpoint } from '../../src/wire/address.ts';
import { announcementOf } from '../support/announcements.ts';
import { SimulatedCluster } from '../support/simulated-cluster.ts';

const seeds = process.env['SEED'] === undefined ? [1, 2, 3] : [Number(process.env['SEED'])];

for (const seed of seeds) {
  test(`a join that only one old node hears of is known everywhere within 2 s (SEED=${seed})`, (t) => {
    const made = new SimulatedCluster({ seed });
    made.startNodes(1, 40);
    t.not(made.converge(5_000), undefined);
    made.clock.advance(30_000);
    const [newcomer, only] = [41, 7].map((number) => formatEndpoint(announcementOf(number).gossipEndpoint));
    made.network.cut((from, to) => (from === newcomer && to !== only) || (to === newcomer && from !== only));
    made.start(41, {}, [announcementOf(7).gossipEndpoint]);
    t.not(made.converge(2_000), undefined);
  });

  test(`two clusters that never heard of each other become one once one node knows of the other (SEED=${seed})`, (t) => {
    const made = new SimulatedCluster({ seed });
    made.startNodes(1, 20);
    for (let number = 21; number <= 40; number++) made.start(number, {}, [announcementOf(21).gossipEndpoint]);
    made.clock.advance(60_000);
    t.is(made.process(1).membership.members().length, 20);
    made.process(30).membership.setSeeds([announcementOf(15).gossipEndpoint]);
    t.not(made.converge(10_000), undefined);
  });
}
