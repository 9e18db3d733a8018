/** A cluster in which some nodes run version 0.1.0, the real one, and others this version. */
import test from 'ava';
import type { MemberState } from '../../src/membership/announcement.ts';
import { Membership } from '../../src/membership/membership.ts';
import { formatEndpoint } from '../../src/wire/address.ts';
import * as old from '../golden/gossip-0.1.0/membership.js';
import { announcementOf, identityOf } from '../support/announcements.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';
import { silentLogger } from '../support/silent-logger.ts';
import { SimulatedNetwork, type Weather } from '../support/simulated-network.ts';

const seeds = process.env['SEED'] === undefined ? [1, 2, 3] : [Number(process.env['SEED'])];
const foulWeather: Weather = { lossProbability: 0.1, duplicationProbability: 0.05, minDelayMs: 1, maxDelayMs: 80 };

type Node = Membership | old.Membership;

class MixedCluster {
  readonly clock = new ManualClock();
  readonly network: SimulatedNetwork;
  readonly nodes = new Map<number, Node>();
  readonly #random: SeededRandom;

  constructor(seed: number, weather?: Weather) {
    this.#random = new SeededRandom(seed);
    this.network = new SimulatedNetwork(this.clock, new SeededRandom(this.#random.uint32()), weather);
  }

  /** Starts node `number`; those with odd numbers run version 0.1.0, unless said otherwise. */
  start(number: number, isOld = number % 2 === 1): void {
    const self = announcementOf(number);
    const options = {
      self,
      seeds: [announcementOf(1).gossipEndpoint, announcementOf(2).gossipEndpoint],
      clock: this.clock,
      random: new SeededRandom(this.#random.uint32()),
      transport: this.network.transport(self.gossipEndpoint),
      logger: silentLogger,
      onChange: (): void => {},
    };
    const node = isOld ? new old.Membership(options) : new Membership(options);
    this.nodes.set(number, node);
    this.network.attach(self.gossipEndpoint, node);
    node.start();
  }

  /** Ends node `number` without a word. */
  crash(number: number): void {
    this.nodes.get(number)!.stop();
    this.nodes.delete(number);
    this.network.detach(announcementOf(number).gossipEndpoint);
  }

  /** Whether every node sees exactly the running ones alive. */
  isConverged(): boolean {
    const running = [...this.nodes.keys()].map(identityOf).sort();
    return [...this.nodes.values()].every((node) => {
      const alive = node.members().filter(({ state }) => state === 'alive');
      const hasSuspects = node.members().some(({ state }) => state === 'suspect');
      return !hasSuspects && alive.map(({ announcement }) => announcement.identity).join() === running.join();
    });
  }

  everybodySees(about: number, state: MemberState): boolean {
    return [...this.nodes.values()].every((node) =>
      node.members().some(({ announcement, state: seen }) => announcement.name === `n${about}` && seen === state),
    );
  }

  /** What a node holds true, as both versions know it. */
  digest(number: number): string {
    const members = this.nodes.get(number)!.members();
    return members
      .map(({ announcement: { identity, name, mtuBytes, gossipEndpoint }, incarnation, state }) =>
        [identity, name, mtuBytes, formatEndpoint(gossipEndpoint), incarnation, state].join(),
      )
      .join('\n');
  }

  /** Time until all nodes hold the same, in ms; `undefined` if not within `limitMs`. */
  agree(limitMs: number): number | undefined {
    const [first, ...others] = [...this.nodes.keys()];
    return this.clock.advanceUntil(
      () => this.isConverged() && others.every((number) => this.digest(number) === this.digest(first!)),
      limitMs,
    );
  }
}

function cluster(seed: number, weather?: Weather): MixedCluster {
  const made = new MixedCluster(seed, weather);
  for (let number = 1; number <= 8; number++) made.start(number);
  return made;
}

for (const seed of seeds) {
  test(`nodes of two versions find each other (SEED=${seed})`, (t) => {
    const made = cluster(seed);
    t.not(made.agree(10_000), undefined);
    for (const node of made.nodes.values()) {
      const { 'ack-unexpected': _, ...refused } = node.refused();
      t.true(Object.values(refused).every((count) => count === 0));
    }
  });

  for (const number of [3, 4]) {
    test(`a crash of node ${number}, its return and a change are known to both versions (SEED=${seed})`, (t) => {
      const made = cluster(seed);
      made.agree(10_000);
      made.crash(number);
      t.not(
        made.clock.advanceUntil(() => made.everybodySees(number, 'dead'), 20_000),
        undefined,
      );
      made.start(number);
      t.not(made.agree(5_000), undefined);
      made.nodes.get(number)!.announce({ mtuBytes: 1_400 });
      t.not(made.agree(5_000), undefined);
      made.nodes.get(number)!.leave();
      t.not(
        made.clock.advanceUntil(() => made.everybodySees(number, 'left'), 5_000),
        undefined,
      );
    });
  }

  test(`a node is upgraded and nobody calls it dead for long (SEED=${seed})`, (t) => {
    const made = cluster(seed);
    made.agree(10_000);
    for (const number of [1, 3, 5, 7]) {
      made.crash(number);
      made.clock.advance(1_000);
      made.start(number, false);
      t.not(made.agree(5_000), undefined);
    }
  });

  test(`a partition between the versions, and one across them, heal (SEED=${seed})`, (t) => {
    for (const side of [
      [1, 3, 5, 7],
      [1, 2, 3],
    ]) {
      const made = cluster(seed);
      made.agree(10_000);
      const left = new Set(side.map((number) => formatEndpoint(announcementOf(number).gossipEndpoint)));
      made.network.cut((from, to) => left.has(from) !== left.has(to));
      made.clock.advance(300_000);
      t.false(made.isConverged());
      made.network.heal();
      t.not(made.agree(30_000), undefined);
    }
  });

  test(`nobody dies of two versions in foul weather (SEED=${seed})`, (t) => {
    const made = cluster(seed, foulWeather);
    t.not(made.agree(60_000), undefined);
    for (let second = 0; second < 120; second++) {
      made.clock.advance(1_000);
      for (const number of made.nodes.keys()) t.false(made.everybodySees(number, 'dead'));
    }
    t.not(made.agree(60_000), undefined);
  });

  test(`an order spreads among those that know orders (SEED=${seed})`, (t) => {
    const made = cluster(seed);
    made.agree(10_000);
    const able = [2, 4, 6, 8].map((number) => made.nodes.get(number) as Membership);
    able[0]!.issue('key-primary', Uint8Array.of(1, 2, 3));
    const everybodyKnows = (): boolean => able.every((node) => node.directives().length === 1);
    t.not(made.clock.advanceUntil(everybodyKnows, 5_000), undefined);
    made.start(10);
    t.not(
      made.clock.advanceUntil(() => (made.nodes.get(10) as Membership).directives().length === 1, 60_000),
      undefined,
    );
  });
}
