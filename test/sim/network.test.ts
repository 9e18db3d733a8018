import test from 'ava';
import { cutBetween } from '../../src/sim/cut.ts';
import { SimulatedNetwork, type Listener } from '../../src/sim/network.ts';
import { endpointAt, placeOf } from '../../src/sim/place.ts';
import { GOSSIP_PORT } from '../../src/membership/parameters.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';
import { VirtualClock } from '../../src/sim/virtual-clock.ts';
import { fairWeather, type Weather } from '../../src/sim/weather.ts';

const there = endpointAt(2, GOSSIP_PORT);

/** A network with somebody at place 2 who notes what comes, and replies with the same. */
function networkOf(change: Partial<Weather> = {}) {
  const clock = new VirtualClock();
  const network = new SimulatedNetwork(clock, new SeededRandom(1), { ...fairWeather, ...change });
  const arrived: { atMs: number; from: number; byte: number }[] = [];
  const listener: Listener = {
    datagram: (from, bytes) => arrived.push({ atMs: clock.nowMs(), from: placeOf(from), byte: bytes[0]! }),
    exchange: (_, bytes, reply) => reply(bytes),
  };
  network.attach(2, listener);
  return { clock, network, listener, arrived, transport: network.transport(() => 1) };
}

/** How an exchange of `lengthBytes` ends, and when. */
function exchange({ clock, transport }: ReturnType<typeof networkOf>, lengthBytes = 100) {
  let outcome: { readonly atMs: number; readonly lengthBytes: number | undefined } | undefined;
  const startMs = clock.nowMs();
  transport.exchange(there, new Uint8Array(lengthBytes), (reply) => {
    outcome = { atMs: clock.nowMs() - startMs, lengthBytes: reply?.length };
  });
  clock.advanceUntil(() => outcome !== undefined, 60_000);
  return outcome!;
}

test('a datagram arrives after a delay, from where it was sent, as it was', (t) => {
  const { clock, transport, arrived } = networkOf({ lateProbability: 0 });
  const bytes = Uint8Array.of(7);
  transport.sendDatagram(there, bytes);
  bytes[0] = 8;
  clock.advance(1_000);
  t.is(arrived.length, 1);
  t.like(arrived[0], { from: 1, byte: 7 });
  t.true(arrived[0]!.atMs >= 0.1 && arrived[0]!.atMs <= 1);
});

test('datagrams get lost, doubled and out of order as often as the weather says', (t) => {
  const { clock, transport, arrived } = networkOf({ lossProbability: 0.2, duplicationProbability: 0.1 });
  for (let number = 0; number < 2_000; number++) {
    transport.sendDatagram(there, Uint8Array.of(number & 0xff));
    clock.advance(0.1);
  }
  clock.advance(1_000);
  t.true(Math.abs(arrived.length - 2_000 * 0.8 * 1.1) < 100, String(arrived.length));
  t.true(
    arrived.some(({ byte }, index) => index > 0 && byte < arrived[index - 1]!.byte && arrived[index - 1]!.byte < 200),
  );
});

test('what is under way when a cut begins is lost', (t) => {
  const { clock, network, transport, arrived } = networkOf();
  transport.sendDatagram(there, Uint8Array.of(1));
  network.cuts.add({ from: new Set([1]), to: new Set([2]) });
  clock.advance(1_000);
  t.deepEqual(arrived, []);
});

test('an exchange takes two round trips', (t) => {
  const { atMs, lengthBytes } = exchange(networkOf({ lateProbability: 0 }));
  t.is(lengthBytes, 100);
  t.true(atMs >= 0.4 && atMs <= 4.1, String(atMs));
});

test('an exchange over a bad network takes longer, and loses nothing', (t) => {
  const net = networkOf({ lossProbability: 0.2 });
  const outcomes = Array.from({ length: 50 }, () => exchange(net, 20_000));
  const whole = outcomes.filter(({ lengthBytes }) => lengthBytes === 20_000);
  t.true(whole.length > 40);
  t.true(whole.some(({ atMs }) => atMs > 200));
});

test('an exchange outlives a short cut', (t) => {
  const net = networkOf();
  const cuts = cutBetween([1], [2]);
  net.network.cuts.add(...cuts);
  net.clock.after(2_000, () => net.network.cuts.remove(...cuts));
  const { atMs, lengthBytes } = exchange(net);
  t.is(lengthBytes, 100);
  t.true(atMs > 2_000 && atMs < 5_000, String(atMs));
});

for (const from of [1, 2]) {
  test(`an exchange fails after 5 s if what place ${from} sends is lost`, (t) => {
    const net = networkOf();
    net.network.cuts.add({ from: new Set([from]), to: new Set([3 - from]) });
    t.deepEqual(exchange(net), { atMs: 5_000, lengthBytes: undefined });
  });
}

test('an exchange with nobody there fails after 5 s, with a machine on which nobody listens at once', (t) => {
  const net = networkOf();
  net.network.detach(2, net.listener);
  t.is(exchange(net).atMs, 5_000);
  net.network.setMachine(2, true);
  t.true(exchange(net).atMs < 100);
});

test('an exchange whose reply takes too long ends, and the reply is dropped', (t) => {
  const net = networkOf();
  net.network.attach(2, { ...net.listener, exchange: (_, bytes, reply) => net.clock.after(9_000, () => reply(bytes)) });
  const { atMs, lengthBytes } = exchange(net);
  t.is(lengthBytes, undefined);
  t.true(atMs > 5_000 && atMs < 5_100);
  net.clock.advance(60_000);
});
