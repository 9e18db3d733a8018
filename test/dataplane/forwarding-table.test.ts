import { Worker } from 'node:worker_threads';
import test from 'ava';
import type { ForwardingPeer, ForwardingRoute, ForwardingState } from '../../src/dataplane/forwarding-state.ts';
import { ForwardingPublisher, ForwardingReader, createForwardingMemory } from '../../src/dataplane/forwarding-table.ts';
import { ExhaustedError } from '../../src/errors.ts';
import { pick } from '../support/mutation.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';

const SEED = Number(process.env['SEED'] ?? 1);
const MAC = Uint8Array.of(2, 0, 0, 0, 0, 1);

/** The slow twin: asks every route. */
function linearLookup(routes: readonly ForwardingRoute[], address: Uint8Array): number {
  let longest = -1;
  let found = -1;
  for (const { prefix, peer } of routes) {
    if (prefix.address.bytes.length !== address.length || prefix.lengthBits <= longest) continue;
    if (bits(address).slice(0, prefix.lengthBits) !== bits(prefix.address.bytes).slice(0, prefix.lengthBits)) continue;
    longest = prefix.lengthBits;
    found = peer;
  }
  return found;
}

function bits(address: Uint8Array): string {
  return Array.from(address, (octet) => octet.toString(2).padStart(8, '0')).join('');
}

function peer(index: number, address: readonly number[] = [198, 18, index >> 8, index & 0xff]): ForwardingPeer {
  const family = address.length === 4 ? 4 : 6;
  const mac = Uint8Array.of(2, 0, 0, 1, index >> 8, index & 0xff);
  return {
    index,
    endpoint: { address: { family, bytes: Uint8Array.from(address) }, port: 4789 },
    mac,
    mtuBytes: 1450,
    remoteChecksum: false,
    mayRelay: false,
    mayAskRelay: false,
  };
}

function route(address: readonly number[], lengthBits: number, peer: number): ForwardingRoute {
  const family = address.length === 4 ? 4 : 6;
  return { prefix: { address: { family, bytes: Uint8Array.from(address) }, lengthBits }, peer };
}

/** A state in which everything leads to one peer. */
function state(index: number): ForwardingState {
  return { mac: MAC, peers: [peer(index)], relays: false, routes: [route([10, 0, 0, 0], 8, index)] };
}

function randomRoutes(random: SeededRandom, count: number, peers: number): ForwardingRoute[] {
  const routes = new Map<string, ForwardingRoute>();
  while (routes.size < count) {
    const size = pick(random, [4, 16]);
    const lengthBits = random.below(size * 8 + 1);
    // Few different octets, so that prefixes lie within each other.
    const octets = Array.from({ length: size }, () => pick(random, [0, 1, 0x80, 0xff]));
    const address = octets.map((octet, index) => octet & (0xff00 >> Math.min(8, Math.max(0, lengthBits - index * 8))));
    routes.set(`${address.join('.')}/${lengthBits}`, route(address, lengthBits, random.below(peers + 1)));
  }
  return [...routes.values()];
}

function readerOf(routes: readonly ForwardingRoute[], peers: readonly ForwardingPeer[] = []): ForwardingReader {
  const memory = createForwardingMemory(Math.max(1, routes.length), Math.max(1, peers.length));
  new ForwardingPublisher(memory, 1).publish({ mac: MAC, peers, relays: false, routes });
  const reader = new ForwardingReader(memory, 0);
  reader.enter();
  return reader;
}

for (const count of [1, 3, 30, 300]) {
  test(`${count} random prefixes give what a linear search gives, seed ${SEED}`, (t) => {
    const random = new SeededRandom(SEED + count);
    const routes = randomRoutes(random, count, 20);
    const reader = readerOf(
      routes,
      Array.from({ length: 20 }, (_, index) => peer(index + 1)),
    );
    for (let run = 0; run < 500; run++) {
      const known = pick(random, routes).prefix.address.bytes;
      const address = Uint8Array.from(known, (octet) =>
        random.below(3) === 0 ? pick(random, [0, 1, 0x80, 0xff]) : octet,
      );
      const at = random.below(5);
      const memory = new Uint8Array(at + address.length + 3).fill(0x55);
      memory.set(address, at);
      const expected = linearLookup(routes, address);
      const found = reader.lookup(memory, at, address.length === 4 ? 4 : 6);
      if (found !== expected) t.fail(`${address.join('.')}: ${found} instead of ${expected}`);
    }
    t.pass();
  });
}

test('an empty table knows nobody', (t) => {
  const reader = readerOf([]);
  t.is(reader.lookup(Uint8Array.of(10, 0, 0, 1), 0, 4), -1);
  t.is(reader.lookup(new Uint8Array(16), 0, 6), -1);
  t.is(reader.peerBySender(Uint8Array.of(198, 18, 0, 1), 0, 4), -1);
});

test('a table that nothing was published to knows nobody', (t) => {
  const reader = new ForwardingReader(createForwardingMemory(10, 10), 0);
  reader.enter();
  t.is(reader.generation, 0);
  t.is(reader.lookup(Uint8Array.of(10, 0, 0, 1), 0, 4), -1);
  t.is(reader.peerBySender(Uint8Array.of(198, 18, 0, 1), 0, 4), -1);
});

test('a default route of one family does not cover the other', (t) => {
  const reader = readerOf([route([0, 0, 0, 0], 0, 0)]);
  t.is(reader.lookup(Uint8Array.of(10, 0, 0, 1), 0, 4), 0);
  t.is(reader.lookup(new Uint8Array(16), 0, 6), -1);
});

test('the largest number of a peer can be reached', (t) => {
  const reader = readerOf([route([10, 0, 0, 0], 8, 65_535)], [peer(65_535)]);
  t.is(reader.lookup(Uint8Array.of(10, 0, 0, 1), 0, 4), 65_535);
  t.is(reader.mtuOf(65_535), 1450);
});

test('everything about a peer can be read back', (t) => {
  const address = [0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9];
  const reader = readerOf([], [peer(1), { ...peer(2, address), mtuBytes: 9000 }]);
  const bytes = new Uint8Array(40);
  t.is(reader.endpointFamily(1), 4);
  t.is(reader.endpointFamily(2), 6);
  t.is(reader.endpointPort(2), 4789);
  t.is(reader.mtuOf(2), 9000);
  reader.writeMac(2, bytes, 1);
  t.deepEqual([...bytes.subarray(0, 8)], [0, 2, 0, 0, 1, 0, 2, 0]);
  t.true(reader.hasMac(2, bytes, 1));
  t.false(reader.hasMac(1, bytes, 1));
  reader.writeMac(0, bytes, 1);
  t.true(reader.hasMac(0, MAC, 0));
  reader.copyEndpointAddress(2, bytes, 20);
  t.deepEqual([...bytes.subarray(20, 36)], address);
});

test('a peer is found by the address that its datagrams come from', (t) => {
  const peers = Array.from({ length: 500 }, (_, index) => peer(index + 1));
  const reader = readerOf([], peers);
  for (const { index, endpoint } of peers) t.is(reader.peerBySender(endpoint.address.bytes, 0, 4), index);
  t.is(reader.peerBySender(Uint8Array.of(198, 19, 0, 1), 0, 4), -1);
  t.is(reader.peerBySender(Uint8Array.of(...peers[0]!.endpoint.address.bytes, ...new Uint8Array(12)), 0, 6), -1);
});

test('of two peers with one address the first is found, and both have it', (t) => {
  const reader = readerOf([], [peer(4), peer(3, [198, 18, 0, 4])]);
  const address = Uint8Array.of(198, 18, 0, 4);
  t.is(reader.peerBySender(address, 0, 4), 4);
  t.true(reader.peerHasAddress(3, address, 0, 4));
  t.true(reader.peerHasAddress(4, address, 0, 4));
});

test('a peer is found by its MAC address, and so is nobody else', (t) => {
  const peers = Array.from({ length: 500 }, (_, index) => peer(index + 1));
  const reader = readerOf([], peers);
  const bytes = new Uint8Array(20);
  for (const { index, mac } of peers) {
    bytes.set(mac, 3);
    t.is(reader.peerByMac(bytes, 3), index);
  }
  t.is(reader.peerByMac(MAC, 0), -1, 'not this node');
  t.is(reader.peerByMac(Uint8Array.of(2, 9, 9, 9, 9, 9), 0), -1);
  t.is(readerOf([]).peerByMac(MAC, 0), -1);
});

/** A relayed way to peer 1 through peer 2, and the route that takes it. */
const way: ForwardingPeer = { ...peer(3), mac: peer(1).mac, endpoint: peer(2).endpoint, via: { target: 1, relay: 2 } };

test('a relayed way is where its relay is, under the MAC address of its target, and nobody sends from it', (t) => {
  const reader = readerOf([route([10, 0, 0, 0], 8, 3)], [way, peer(1), peer(2)]);
  const found = reader.lookup(Uint8Array.of(10, 0, 0, 1), 0, 4);
  const bytes = new Uint8Array(6);
  t.is(found, 3);
  t.deepEqual(
    [found, 1, 2, 0].map((one) => reader.targetOf(one)),
    [1, 1, 2, 0],
  );
  reader.writeMac(found, bytes, 0);
  t.deepEqual(bytes, Uint8Array.from(peer(1).mac));
  reader.copyEndpointAddress(found, bytes, 0);
  t.deepEqual(bytes.slice(0, 4), peer(2).endpoint.address.bytes);
  t.is(reader.peerByMac(peer(1).mac, 0), 1);
  t.is(reader.peerBySender(peer(2).endpoint.address.bytes, 0, 4), 2);
});

test('only a way that a route takes makes its target one without a direct way, and only as long as it does', (t) => {
  const memory = createForwardingMemory(4, 4);
  const publisher = new ForwardingPublisher(memory, 1);
  const reader = new ForwardingReader(memory, 0);
  const relayed = (to: number) => {
    publisher.publish({
      mac: MAC,
      peers: [peer(1), peer(2), way],
      relays: true,
      routes: [route([10, 0, 0, 0], 8, to)],
    });
    reader.enter();
    const found = [1, 2].map((one) => reader.isRelayed(one));
    reader.leave();
    return found;
  };
  t.deepEqual([1, 3, 3, 1, 1].map(relayed), [
    [false, false],
    [true, false],
    [true, false],
    [false, false],
    [false, false],
  ]);
});

test('who may ask to relay can be read back', (t) => {
  const memory = createForwardingMemory(4, 4);
  const peers = [peer(1), { ...peer(2), mayAskRelay: true }];
  new ForwardingPublisher(memory, 1).publish({ mac: MAC, peers, relays: true, routes: [] });
  const reader = new ForwardingReader(memory, 0);
  reader.enter();
  t.deepEqual([reader.mayAskRelay(1), reader.mayAskRelay(2)], [false, true]);
});

test('who relays can be read back', (t) => {
  const memory = createForwardingMemory(4, 4);
  const publisher = new ForwardingPublisher(memory, 1);
  const reader = new ForwardingReader(memory, 0);
  for (const relays of [true, false]) {
    publisher.publish({ mac: MAC, peers: [peer(1), { ...peer(2), mayRelay: true }], relays, routes: [] });
    reader.enter();
    t.deepEqual([reader.relays, reader.mayRelay(1), reader.mayRelay(2)], [relays, false, true]);
    reader.leave();
  }
});

test('a reader keeps its state until it leaves', (t) => {
  const memory = createForwardingMemory(4, 4);
  const publisher = new ForwardingPublisher(memory, 2);
  const reader = new ForwardingReader(memory, 1);
  const address = Uint8Array.of(10, 0, 0, 1);
  t.true(publisher.publish(state(1)));
  reader.enter();
  t.is(reader.generation, 1);
  t.true(publisher.publish(state(2)), 'the other generation is free');
  t.is(reader.lookup(address, 0, 4), 1);
  t.false(publisher.publish(state(3)), 'the only generation that could be written has a reader inside');
  t.is(reader.lookup(address, 0, 4), 1);
  t.is(reader.mtuOf(1), 1450);
  reader.leave();
  reader.enter();
  t.is(reader.lookup(address, 0, 4), 2);
  t.is(reader.generation, 2);
  t.true(publisher.publish(state(3)), 'one generation behind is no obstacle');
  reader.leave();
  reader.enter();
  t.is(reader.lookup(address, 0, 4), 3);
});

test('a smaller state leaves nothing of a larger one', (t) => {
  const memory = createForwardingMemory(100, 100);
  const publisher = new ForwardingPublisher(memory, 1);
  const peers = Array.from({ length: 100 }, (_, index) => peer(index + 1));
  const routes = peers.map(({ index }) => route([10, index, 0, 0], 16, index));
  for (let round = 0; round < 2; round++) publisher.publish({ mac: MAC, peers, relays: false, routes });
  publisher.publish({ mac: MAC, peers: [], relays: false, routes: [] });
  const reader = new ForwardingReader(memory, 0);
  reader.enter();
  t.is(reader.lookup(Uint8Array.of(10, 5, 0, 1), 0, 4), -1);
  t.is(reader.peerBySender(Uint8Array.of(198, 18, 0, 5), 0, 4), -1);
});

test('a state that does not fit is refused by the name of the limit, and the current one stays', (t) => {
  const memory = createForwardingMemory(1, 1);
  const publisher = new ForwardingPublisher(memory, 1);
  const good = { mac: MAC, peers: [peer(1)], relays: false, routes: [route([10, 0, 0, 0], 8, 1)] };
  publisher.publish(good);
  const routes = [...good.routes, route([10, 0, 0, 0], 9, 1)];
  const tooManyRoutes = t.throws(() => publisher.publish({ ...good, routes }), { instanceOf: ExhaustedError });
  t.like(tooManyRoutes, { code: 'forwarding-table-full', details: { limit: 'maxRoutes' } });
  const peers = [peer(1), peer(2)];
  const tooManyPeers = t.throws(() => publisher.publish({ ...good, peers }), { instanceOf: ExhaustedError });
  t.like(tooManyPeers, { code: 'forwarding-table-full', details: { limit: 'maxPeers' } });
  const reader = new ForwardingReader(memory, 0);
  reader.enter();
  t.is(reader.lookup(Uint8Array.of(10, 0, 0, 1), 0, 4), 1);
});

const refuses = test.macro({
  exec: (t, peers: readonly ForwardingPeer[], routes: readonly ForwardingRoute[]) => {
    const publisher = new ForwardingPublisher(createForwardingMemory(4, 4), 1);
    t.throws(() => publisher.publish({ mac: MAC, peers, relays: false, routes }), { instanceOf: RangeError });
  },
  title: (name) => `a state is refused with ${name}`,
});

test('a route to an unknown peer', refuses, [peer(1)], [route([10, 0, 0, 0], 8, 2)]);
test('two routes for one prefix', refuses, [peer(1)], [route([10, 0, 0, 0], 8, 1), route([10, 0, 0, 0], 8, 0)]);
test('two peers of one number', refuses, [peer(1), peer(1)], []);
test('a peer 0, which is this node', refuses, [peer(0)], []);
test('a way to nobody', refuses, [peer(2), way], []);
test('a way through nobody', refuses, [peer(1), way], []);
test('a way to this node', refuses, [peer(2), { ...way, via: { target: 0, relay: 2 } }], []);
test(
  'a way through another way',
  refuses,
  [peer(1), peer(2), way, { ...way, index: 4, via: { target: 1, relay: 3 } }],
  [],
);
test('a way through its own target', refuses, [peer(1), { ...way, via: { target: 1, relay: 1 } }], []);
test('a peer 65536', refuses, [peer(65_536)], []);

test('there are 1 to 64 workers', (t) => {
  const memory = createForwardingMemory(1, 1);
  t.throws(() => new ForwardingPublisher(memory, 0), { instanceOf: RangeError });
  t.throws(() => new ForwardingPublisher(memory, 65), { instanceOf: RangeError });
  t.throws(() => new ForwardingReader(memory, 64), { instanceOf: RangeError });
});

test('threads that read while states change never see half of one', async (t) => {
  const memory = createForwardingMemory(256, 256);
  const progress = new Int32Array(new SharedArrayBuffer(8));
  const workers = [0, 1].map(
    (worker) =>
      new Worker(new URL('../support/reading-worker.ts', import.meta.url), {
        workerData: { memory, progress, worker, lookups: 200 },
      }),
  );
  const publisher = new ForwardingPublisher(memory, 2);
  let published = 0;
  const deadline = Date.now() + 15_000;
  while ((published < 500 || Atomics.load(progress, 0) < 2000) && Date.now() < deadline) {
    const index = 1 + (published % 200);
    const peers = [{ ...peer(index), mtuBytes: 1000 + index }];
    const routes = Array.from({ length: 256 }, (_, third) => route([10, 0, third, 0], 24, index));
    if (publisher.publish({ mac: MAC, peers, relays: false, routes })) published++;
    // The workers' start needs this thread.
    else await new Promise((resolve) => setImmediate(resolve));
    if (published % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  await Promise.all(workers.map((worker) => worker.terminate()));
  t.true(published >= 500, `only ${published} states were published`);
  t.true(progress[0]! >= 2000, `only ${progress[0]} batches were read`);
  t.is(progress[1], 0);
});
