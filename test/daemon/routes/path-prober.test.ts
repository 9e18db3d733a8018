import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { Pace } from '../../../src/daemon/process/pace.ts';
import { PathProber } from '../../../src/daemon/routes/path-prober.ts';
import type { PathPeer } from '../../../src/forwarding/path-view.ts';
import { ProbeChannel } from '../../../src/daemon/worker/probe-channel.ts';
import { PROBE_RECORD_WORDS, ProbeRing, TOO_BIG } from '../../../src/dataplane/probe-ring.ts';
import { FIRST_PROBE_DELAY_MS } from '../../../src/paths/path-table.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { SeededRandom } from '../../../src/sim/seeded-random.ts';

const PEER = 3;
const place = '198.18.0.3:4789';
const peer: PathPeer = {
  peer: PEER,
  place,
  ceilingBytes: 1450,
  overheadBytes: 50,
  isAlive: true,
  relays: true,
  badTo: [],
};
const noWays = () => [];

/** A prober, its channel with two workers, and the workers' ends of it. */
function setUp() {
  const clock = new ManualClock();
  const seen = { wakes: 0, changes: 0 };
  /** Of a clock of its own, so that a test says when there is time for more work. */
  const paceClock = new ManualClock();
  const pace = new Pace(paceClock);
  const channel = new ProbeChannel(2, () => seen.wakes++);
  const orders = new ProbeRing(channel.rings[0]!.orders);
  const results = channel.rings.map((rings) => new ProbeRing(rings.results));
  const prober = new PathProber({
    clock,
    random: new SeededRandom(1),
    channel,
    sentPacketsTo: () => 0,
    onChange: () => seen.changes++,
    pace,
  });
  const record = new Int32Array(PROBE_RECORD_WORDS);
  /** What the first worker finds: `[peer, size, sequence]` each. */
  const taken = async (): Promise<number[][]> => {
    await sleep(0);
    const found: number[][] = [];
    while (orders.take(record)) found.push([...record.subarray(0, 3)]);
    return found;
  };
  return { clock, seen, channel, results, prober, taken, pace, paceClock };
}

test('a peer that appears is probed, with one wake-up for all probes of a moment', async (t) => {
  const { prober, clock, seen, taken } = setUp();
  prober.update([peer], noWays);
  clock.advance(FIRST_PROBE_DELAY_MS);
  t.is(seen.wakes, 0, 'the workers do not know the peer yet');
  t.deepEqual(
    (await taken()).map(([to, sizeBytes]) => [to, sizeBytes]),
    [
      [PEER, 1450],
      [PEER, 256],
    ],
  );
  t.is(seen.wakes, 1);
});

test('orders wait until the workers know the peers', async (t) => {
  const { prober, clock, channel, taken } = setUp();
  channel.hold();
  prober.update([peer], noWays);
  clock.advance(FIRST_PROBE_DELAY_MS);
  t.deepEqual(await taken(), []);
  channel.release();
  t.is((await taken()).length, 2);
});

test('answers come in from every worker', async (t) => {
  const { prober, clock, results, taken } = setUp();
  prober.update([peer], noWays);
  clock.advance(FIRST_PROBE_DELAY_MS);
  const [full, small] = await taken();
  results[1]!.put(PEER, 256, small![2]!, 400);
  results[0]!.put(PEER, 1450, full![2]!, 1_200);
  await sleep(20);
  t.like(prober.stateOf(PEER), { phase: 'confirmed', mtuBytes: 1450 });
  t.is(prober.stateOf(PEER)?.roundTripMs?.min, 0.4);
});

test('whoever forwards is told of changes, once for those of a moment', async (t) => {
  const { prober, results, taken, clock, seen } = setUp();
  prober.update([peer, { ...peer, peer: PEER + 1 }], noWays);
  clock.advance(FIRST_PROBE_DELAY_MS);
  let rounds = 0;
  for (let orders = await taken(); orders.length > 0; orders = await taken()) {
    for (const [to, sizeBytes, sequence] of orders) {
      results[0]!.put(to!, sizeBytes!, sequence!, sizeBytes! > 1350 ? TOO_BIG : 1_000);
    }
    rounds++;
    await sleep(20);
  }
  clock.advance(100);
  t.is(prober.stateOf(PEER)?.mtuBytes, 1350);
  t.is(prober.stateOf(PEER + 1)?.mtuBytes, 1350);
  t.true(rounds > 2);
  t.is(seen.changes, 1);
});

test('a change waits until there is time for it, also if somebody else takes that first', async (t) => {
  const { prober, results, taken, clock, seen, pace, paceClock } = setUp();
  const work = (): void => pace.run(() => paceClock.advance(100));
  work();
  prober.update([peer], noWays);
  clock.advance(FIRST_PROBE_DELAY_MS);
  for (let orders = await taken(); orders.length > 0; orders = await taken()) {
    for (const [to, sizeBytes, sequence] of orders) {
      results[0]!.put(to!, sizeBytes!, sequence!, sizeBytes! > 1350 ? TOO_BIG : 1_000);
    }
    await sleep(20);
  }
  paceClock.advance(300);
  work();
  clock.advance(300);
  t.is(seen.changes, 0);
  paceClock.advance(300);
  clock.advance(300);
  t.is(seen.changes, 1);
});

test('a probe that somebody asks for is sent at once, and its round trip told', async (t) => {
  const { prober, results, taken } = setUp();
  prober.update([peer], noWays);
  const outcome = prober.probe(PEER, 100, 1_000);
  const [order] = await taken();
  t.deepEqual(order!.slice(0, 2), [PEER, 100]);
  results[1]!.put(PEER, 100, order![2]!, 700, 1);
  t.deepEqual(await outcome, { roundTripMs: 0.7 });
  t.is(prober.stateOf(PEER)?.roundTripMs?.min, 0.7, 'it tells of the path as any other');
});

test('a probe that somebody asks for is lost after the time given, and not known any more', async (t) => {
  const { prober, clock, results, taken } = setUp();
  prober.update([peer], noWays);
  const outcome = prober.probe(PEER, 100, 400);
  const [order] = await taken();
  clock.advance(400);
  results[0]!.put(PEER, 100, order![2]!, 700, 1);
  t.is(await outcome, 'lost');
});

test('a probe that somebody asks for may be too long for the device', async (t) => {
  const { prober, results, taken } = setUp();
  prober.update([peer], noWays);
  const outcome = prober.probe(PEER, 1450, 1_000);
  const [order] = await taken();
  results[0]!.put(PEER, 1450, order![2]!, TOO_BIG);
  t.is(await outcome, 'too-long-for-device');
  t.is(prober.stateOf(PEER)?.mtuBytes, 1450, 'one probe decides nothing');
});

test('whoever is not probed is not probed if somebody asks either', async (t) => {
  const { prober, taken } = setUp();
  t.is(await prober.probe(PEER, 100, 1_000), 'not-probed');
  t.deepEqual(await taken(), []);
});

test('after the end nothing is ordered, and nobody is told anything', async (t) => {
  const { prober, channel, clock, taken, seen } = setUp();
  prober.update([peer], noWays);
  prober.close();
  channel.close();
  clock.advance(60_000);
  t.is((await taken()).length, 0);
  t.is(seen.changes, 0);
  t.is(prober.stateOf(PEER), undefined);
});
