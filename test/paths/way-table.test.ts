import test from 'ava';
import { SELF, SimulatedWays } from '../support/simulated-ways.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';

/** From the cut on, while there is traffic: until packets get there again. */
const RELAY_DEADLINE_MS = 3_500;
/** From the end of a cut on: until packets go straight again. */
const RETURN_DEADLINE_MS = 6_000;

/** Three peers, all of which answer. */
function three(seed = 1): SimulatedWays {
  const net = new SimulatedWays(3, seed);
  net.converse(3, 5_000);
  return net;
}

test('as long as all is well, packets go straight and nothing is probed but peers', (t) => {
  const net = three();
  net.converse(3, 120_000);
  t.deepEqual(net.history, ['all straight']);
  t.deepEqual([...net.probes.keys()].sort(), ['1', '2', '3']);
});

const cuts = {
  'in both directions': [
    [SELF, 3],
    [3, SELF],
  ],
  'on the way there': [[SELF, 3]],
  'on the way back': [[3, SELF]],
} as const;

for (const [name, links] of Object.entries(cuts)) {
  test(`a peer that is cut off ${name} is reached through another within seconds, and straight when it heals`, (t) => {
    const net = three();
    for (const [from, to] of links) net.link(from, to).loss = 1;
    const tookMs = net.converseUntil(3, () => net.relayTo(3) !== undefined, RELAY_DEADLINE_MS);
    t.true(tookMs! > 1_500, 'a few lost probes are no reason');
    net.converse(3, 30_000);
    t.true(net.arrives(3));
    for (const [from, to] of links) net.link(from, to).loss = 0;
    t.not(
      net.converseUntil(3, () => net.relayTo(3) === undefined, RETURN_DEADLINE_MS),
      undefined,
    );
    net.converse(3, 120_000);
    t.is(net.history.length, 3);
  });

  test(`when a peer is cut off ${name}, it is known in which direction, through the relay`, (t) => {
    const net = three();
    for (const [from, to] of links) net.link(from, to).loss = 1;
    net.converse(3, 120_000);
    const { lossOutRatio, lossInRatio } = net.paths.stateOf(3)!;
    if (name === 'on the way back') {
      t.true(lossOutRatio! < 0.1 && lossInRatio! > 0.8, `${lossOutRatio} out, ${lossInRatio} in`);
    } else {
      t.true(lossOutRatio! > 0.8, `${lossOutRatio} out`);
    }
  });
}

test('loss in both directions is told apart', (t) => {
  const net = new SimulatedWays(1);
  net.link(SELF, 1).loss = 0.2;
  net.link(1, SELF).loss = 0.05;
  const sums = [0, 0, 0];
  for (let round = 0; round < 20; round++) {
    net.converse(1, 60_000);
    const { lossRatio, lossOutRatio, lossInRatio } = net.paths.stateOf(1)!;
    for (const [index, ratio] of [lossRatio!, lossOutRatio!, lossInRatio!].entries()) sums[index]! += ratio / 20;
  }
  t.true(Math.abs(sums[0]! - 0.24) < 0.03, `${sums[0]} together`);
  t.true(Math.abs(sums[1]! - 0.2) < 0.03, `${sums[1]} out`);
  t.true(Math.abs(sums[2]! - 0.05) < 0.02, `${sums[2]} in`);
});

test('loss of a tenth in each direction is no reason for a relay', (t) => {
  const net = three();
  net.link(SELF, 3).loss = 0.1;
  net.link(3, SELF).loss = 0.1;
  net.converse(3, 600_000);
  t.deepEqual(net.history, ['all straight']);
});

test('of several relays the fastest is taken', (t) => {
  const net = new SimulatedWays(4);
  net.link(SELF, 1).delayMs = 20;
  net.link(2, 4).delayMs = 30;
  net.converse(4, 5_000);
  net.cut(SELF, 4);
  net.converse(4, 20_000);
  t.is(net.relayTo(4), 3);
});

test('of several relays the one that loses less is taken, even if it is slower', (t) => {
  const net = new SimulatedWays(3);
  net.link(SELF, 1).delayMs = 0.1;
  net.link(1, 3).loss = 0.3;
  net.link(SELF, 2).delayMs = 20;
  net.converse(3, 5_000);
  net.cut(SELF, 3);
  net.converse(3, 20_000);
  t.is(net.relayTo(3), 2);
});

test('no more than three relays are tried at once, and one that leads nowhere not again and again', (t) => {
  const net = new SimulatedWays(30);
  net.converse(30, 5_000);
  net.cut(SELF, 30);
  for (let relay = 1; relay < 30; relay++) if (relay !== 17) net.cut(relay, 30);
  let most = 0;
  const tookMs = net.converseUntil(
    30,
    () => {
      most = Math.max(most, net.ways.relayed().length);
      return net.relayTo(30) !== undefined;
    },
    60_000,
  );
  t.not(tookMs, undefined);
  t.is(net.relayTo(30), 17);
  t.true(most <= 3);
});

test('who says to have no way to the peer itself is not tried', (t) => {
  const net = new SimulatedWays(3);
  net.peers.get(1)!.badTo = [3];
  net.publish();
  net.converse(3, 5_000);
  net.cut(SELF, 3);
  net.converse(3, 20_000);
  t.is(net.relayTo(3), 2);
  t.false(net.probes.has('3 via 1'));
});

const unfit = test.macro<[(net: SimulatedWays) => void]>({
  exec: (t, spoil) => {
    const net = new SimulatedWays(2);
    spoil(net);
    net.publish();
    net.converse(2, 5_000);
    net.cut(SELF, 2);
    net.converse(2, 30_000);
    t.is(net.relayTo(2), undefined);
    t.false(net.probes.has('2 via 1'));
  },
  title: (name) => `a peer that ${name} is no relay`,
});

test('does not relay', unfit, (net) => (net.peers.get(1)!.relays = false));
test('is suspect', unfit, (net) => (net.peers.get(1)!.isAlive = false));
test('is cut off, too,', unfit, (net) => {
  net.cut(SELF, 1);
  net.clock.advance(20_000);
});

test('for a peer that gossip takes for suspect nobody looks for a relay', (t) => {
  const net = three();
  net.peers.get(3)!.isAlive = false;
  net.publish();
  net.cut(SELF, 3);
  net.converse(3, 30_000);
  t.deepEqual(net.history, ['all straight']);
  t.false(net.probes.has('3 via 1'));
});

test('when a relay dies, or relays no longer, another one is taken', (t) => {
  const net = three();
  net.cut(SELF, 3);
  net.converse(3, 15_000);
  const first = net.relayTo(3)!;
  net.peers.get(first)!.relays = false;
  net.publish();
  net.converseUntil(3, () => net.relayTo(3) !== undefined, 3_000);
  const second = net.relayTo(3)!;
  t.is(first + second, 3);
  net.peers.get(first)!.relays = true;
  net.peers.delete(second);
  net.publish();
  t.not(
    net.converseUntil(3, () => net.relayTo(3) === first, 3_000),
    undefined,
  );
});

test('when the way through a relay fails, another one is taken', (t) => {
  const net = three();
  net.cut(SELF, 3);
  net.converse(3, 15_000);
  const first = net.relayTo(3)!;
  net.cut(first, 3);
  const second = 3 - first;
  t.not(
    net.converseUntil(3, () => net.relayTo(3) === second, RELAY_DEADLINE_MS),
    undefined,
  );
});

test('a relay is left for one that is clearly better, and not for one that is hardly better', (t) => {
  const net = three();
  net.cut(SELF, 3);
  net.converse(3, 15_000);
  const first = net.relayTo(3)!;
  const second = 3 - first;
  net.link(first, 3).delayMs = 1.2;
  net.converse(3, 200_000);
  t.is(net.relayTo(3), first);
  net.link(first, 3).delayMs = 40;
  t.not(
    net.converseUntil(3, () => net.relayTo(3) === second, 80_000),
    undefined,
  );
});

test('a direct way that comes and goes is taken less and less often', (t) => {
  const net = three();
  for (let minute = 0; minute < 20; minute++) {
    net.cut(SELF, 3);
    net.converse(3, 20_000);
    net.heal(SELF, 3);
    net.converse(3, 20_000);
  }
  const returns = net.history.filter((state) => state === 'all straight').length - 1;
  t.true(returns >= 2 && returns <= 5, `${returns} of 20`);
});

test('without traffic a peer that is cut off is found in its turn, and is behind a relay before it has any', (t) => {
  const net = new SimulatedWays(20);
  net.clock.advance(60_000);
  net.cut(SELF, 20);
  net.clock.advance(60_000);
  t.not(net.relayTo(20), undefined);
  t.true(net.arrives(20));
});

test('a way that nobody uses is probed only when it is the turn of its peer', (t) => {
  const net = new SimulatedWays(100);
  net.converse(100, 5_000);
  net.cut(SELF, 100);
  net.converse(100, 10_000);
  const way = `100 via ${net.relayTo(100)}`;
  net.clock.advance(20_000);
  const before = net.probes.get(way)!;
  net.clock.advance(60_000);
  t.true(net.probes.get(way)! - before < 15, `${net.probes.get(way)! - before} probes`);
  t.not(net.relayTo(100), undefined);
});

test('of many peers only those with traffic and eight others are probed at a time, and all in time', (t) => {
  const net = new SimulatedWays(200);
  net.clock.advance(1_000);
  t.is(net.probes.size, 8);
  net.converse(200, 5_000);
  t.true(net.probes.size <= 8 + 8 + 1);
  const before = [...net.probes.values()].reduce((sum, count) => sum + count, 0);
  net.converse(200, 100_000);
  const perSecond = ([...net.probes.values()].reduce((sum, count) => sum + count, 0) - before) / 100;
  t.true(perSecond < 5, `${perSecond} probes per second`);
  net.clock.advance(200_000);
  t.is(net.probes.size, 200);
});

test('a peer that gets traffic is probed at once, whoever else has the turn', (t) => {
  const net = new SimulatedWays(200);
  net.clock.advance(1_000);
  const unknown = [...net.peers.keys()].find((peer) => !net.probes.has(`${peer}`))!;
  net.converse(unknown, 700);
  t.true(net.probes.has(`${unknown}`));
});

const SEEDS = 60;

test(`on ${SEEDS} networks whose links fail and heal, packets arrive whenever one relay could pass them on`, (t) => {
  for (let seed = 1; seed <= SEEDS; seed++) {
    const random = new SeededRandom(seed);
    const count = 3 + random.below(4);
    const net = new SimulatedWays(count, seed);
    net.converse(1, 3_000);
    let lostMs = 0;
    for (let ms = 0; ms < 120_000; ms += 100) {
      if (random.below(60) === 0) {
        const [from, to] = [random.below(count + 1), random.below(count + 1)];
        net.link(from, to).loss = random.below(2);
      }
      net.converse(1, 100);
      const works = (...hops: number[]): boolean =>
        hops.slice(1).every((to, index) => net.link(hops[index]!, to).loss < 1 && net.link(to, hops[index]!).loss < 1);
      const relays = [...net.peers.keys()].filter((peer) => peer !== 1);
      const isPossible = works(SELF, 1) || relays.some((relay) => works(SELF, relay, 1));
      lostMs = isPossible && !net.arrives(1) ? lostMs + 100 : 0;
      if (lostMs > 12_000) t.fail(`seed ${seed}: nothing arrives for ${lostMs} ms; ${net.history.join('; ')}`);
    }
  }
  t.pass();
});
