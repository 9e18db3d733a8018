import test from 'ava';
import { dropReasons } from '../../src/dataplane/drop-reason.ts';
import { ENCAPSULATION_LENGTH } from '../../src/dataplane/encapsulation.ts';
import { MAX_PACKETS_PER_DATAGRAM } from '../../src/dataplane/ingress.ts';
import { Relay } from '../../src/dataplane/relay.ts';
import { TransmitBatch } from '../../src/dataplane/transmit-batch.ts';
import { echoRequest, ipPacket, makePartial, packetFault, tcpSegment, udpDatagram } from '../support/ip-packet.ts';
import { type SentDatagram, VNI, joined, residual, virtioHeader } from '../support/overlay-node.ts';
import {
  type NodeName,
  RelayingNode,
  type RelayingNodeOptions,
  number,
  podOf,
  station,
  wayNumber,
} from '../support/relaying-node.ts';
import { pick } from '../support/mutation.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';

const filled = (length: number) => Array.from({ length }, (_, index) => index & 0xff);
/** A and C reach each other through B only, and B relays. */
const asEnd = (other: NodeName): RelayingNodeOptions => ({ mayRelay: ['b'], through: [other] });
const trio = (options: Partial<Record<NodeName, RelayingNodeOptions>> = {}) => ({
  a: new RelayingNode('a', { ...asEnd('c'), ...options.a }),
  b: new RelayingNode('b', { relays: true, ...options.b }),
  c: new RelayingNode('c', { ...asEnd('a'), ...options.c }),
});
const packetTo = (name: NodeName, payload: readonly number[] = [1, 2, 3], from: NodeName = 'a', family: 4 | 6 = 4) =>
  ipPacket({
    source: podOf(from, family),
    destination: podOf(name, family),
    protocol: 17,
    transport: udpDatagram(payload),
  });

/** A VXLAN datagram with any addresses in its inner Ethernet header. */
function frame(destination: Uint8Array, source: Uint8Array, packet: Uint8Array, flags = [8, 0, 0, 0]): Uint8Array {
  const etherType = packet[0]! >> 4 === 6 ? [0x86, 0xdd] : [0x08, 0x00];
  return joined([Uint8Array.from([...flags, 0, 0, VNI, 0]), destination, source, Uint8Array.from(etherType), packet]);
}

const balanced = (...nodes: RelayingNode[]) =>
  nodes.flatMap((node) => [residual(node.account().egress), residual(node.account().ingress)]);

for (const family of [4, 6] as const) {
  test(`an IPv${family} packet reaches the pod of a third node through a relay, and nothing in it has changed`, (t) => {
    const { a, b, c } = trio();
    const packet = packetTo('c', filled(1_000), 'a', family);
    const [first, ...none] = a.send(packet);
    t.deepEqual(none, []);
    t.is(first!.peer, wayNumber('c'));
    t.deepEqual([...first!.bytes.subarray(8, 20)], [...station.c, ...station.a]);

    const { delivered, relayed } = b.receive('a', first!.bytes);
    t.deepEqual(delivered, []);
    t.is(relayed.length, 1);
    t.is(relayed[0]!.peer, number.c);
    t.deepEqual(relayed[0]!.bytes, first!.bytes);

    const arrived = c.receive('b', relayed[0]!.bytes);
    t.deepEqual(arrived.relayed, []);
    t.deepEqual(arrived.delivered[0]!.packet, packet);
    const length = packet.length;
    const relayAccount = { received: 1, delivered: 0, relayed: 1, queued: 0 };
    t.like(b.account().ingress, { ...relayAccount, receivedBytes: length, forwardedBytes: length });
    t.like(b.account().egress, { received: 0, originated: 0, sent: 0 });
    t.like(c.account().ingress, { received: 1, delivered: 1, relayed: 0 });
    t.is(b.sentTo(number.c), 1);
    t.is(a.sentTo(wayNumber('c')), 1);
    t.deepEqual(balanced(a, b, c), [0, 0, 0, 0, 0, 0]);
  });
}

test('what the kernel had joined leaves as neighbours of one length, on the socket that the sender would choose', (t) => {
  const { a, b, c } = trio();
  const payload = filled(3_000);
  const packet = ipPacket({
    source: podOf('a'),
    destination: podOf('c'),
    protocol: 6,
    transport: tcpSegment(1, 16, payload),
  });
  makePartial(packet);
  const sent = a.send(packet, virtioHeader(1, 1_000, 20, 16));
  t.is(sent.length, 3);
  const { relayed } = b.receive('a', joined(sent.map(({ bytes }) => bytes)), sent[0]!.bytes.length);
  t.deepEqual(
    relayed.map(({ bytes }) => bytes),
    sent.map(({ bytes }) => bytes),
  );
  t.is(new Set(relayed.map(({ bytes }) => bytes.length)).size, 1);
  t.deepEqual(new Set(relayed.map(({ socket }) => socket)), new Set(sent.map(({ socket }) => socket)));
  const { delivered } = c.receive('b', joined(relayed.map(({ bytes }) => bytes)), relayed[0]!.bytes.length);
  t.is(delivered.length, 1, 'coalesced, as if it had come directly');
  t.deepEqual([...delivered[0]!.packet.subarray(40)], payload);
  t.like(b.account().ingress, { received: 3, relayed: 3 });
  t.deepEqual(balanced(a, b, c), [0, 0, 0, 0, 0, 0]);
});

test('joined datagrams may be for the relay itself and for others, in any order', (t) => {
  const { a, b } = trio();
  const [own, others] = [a.send(packetTo('b'))[0]!.bytes, a.send(packetTo('c'))[0]!.bytes];
  const { delivered, relayed } = b.receive('a', joined([others, own, others, own, others]), own.length);
  t.is(relayed.length, 3);
  t.is(
    delivered.reduce((sum, { innerPackets }) => sum + innerPackets, 0),
    2,
  );
  t.like(b.account().ingress, { received: 5, relayed: 3, delivered: 2, queued: 0 });
});

test('the traffic class of the outer header is kept, with the congestion that the first hop marked', (t) => {
  const { a, b, c } = trio();
  const packet = ipPacket({
    source: podOf('a'),
    destination: podOf('c'),
    protocol: 17,
    transport: udpDatagram([1]),
    trafficClass: 0xb9,
  });
  const [first] = a.send(packet);
  t.is(first!.trafficClass, 0xb9);
  const [second] = b.receive('a', first!.bytes, 0, 0xbb).relayed;
  t.is(second!.trafficClass, 0xbb);
  const [delivered] = c.receive('b', second!.bytes, 0, 0xbb).delivered;
  t.is(delivered!.packet[1], 0xbb, 'the mark of the underlay is in the inner header');
});

test('a checksum that is left to the receiver passes a relay that has not agreed on it, and is taken by whoever has', (t) => {
  const { a, b, c } = trio({ a: { remoteChecksum: ['c'] }, c: { remoteChecksum: ['a'] } });
  const packet = packetTo('c', filled(100));
  makePartial(packet);
  const [first] = a.send(packet, virtioHeader(0, 0, 20, 6));
  t.is(first!.bytes[1], 0x20);
  const [second] = b.receive('a', first!.bytes).relayed;
  t.deepEqual(second!.bytes, first!.bytes);
  const [delivered] = c.receive('b', second!.bytes).delivered;
  t.is(delivered!.virtio[0], 1, 'the kernel completes it');
  t.is(packetFault(delivered!.packet, true), '');
});

test('a checksum left to the receiver is refused if that was not agreed with its origin, whatever the relay agreed on', (t) => {
  const { a, b } = trio({ a: { remoteChecksum: ['c'] } });
  const c = new RelayingNode('c', { ...asEnd('a'), remoteChecksum: [] });
  const packet = packetTo('c', filled(100));
  makePartial(packet);
  const [first] = a.send(packet, virtioHeader(0, 0, 20, 6));
  t.deepEqual(c.receive('b', b.receive('a', first!.bytes).relayed[0]!.bytes).delivered, []);
  t.deepEqual(c.drops(), { 'remote-checksum-not-agreed': 1 });
});

test('the MSS of what came through a relay is lowered to what passes the way back', (t) => {
  const { a, b, c } = trio({ c: { mtuBytes: { a: 1_000 } } });
  const options = [2, 4, 0x05, 0xb4];
  const transport = tcpSegment(1, 2, [], options);
  const [first] = a.send(ipPacket({ source: podOf('a'), destination: podOf('c'), protocol: 6, transport }));
  const [delivered] = c.receive('b', b.receive('a', first!.bytes).relayed[0]!.bytes).delivered;
  t.deepEqual([...delivered!.packet.subarray(42, 44)], [960 >> 8, 960 & 0xff]);
});

test('what comes directly from a peer that is reached through a relay is accepted as ever', (t) => {
  const { c } = trio();
  t.is(c.receive('a', frame(station.c, station.a, packetTo('c'))).delivered.length, 1);
});

/** What B makes of a frame from A, and with which path MTU. */
const refuses = test.macro<
  [reason: string, options: RelayingNodeOptions, bytes: Uint8Array, from?: NodeName | Uint8Array]
>({
  exec: (t, reason, options, bytes, from = 'a') => {
    const b = new RelayingNode('b', { relays: true, ...options });
    t.deepEqual(b.receive(from, bytes), { delivered: [], relayed: [] });
    t.deepEqual(b.drops(), { [reason]: 1 });
    t.deepEqual(balanced(b), [0, 0]);
  },
  title: (name, reason) => `nothing is passed on ${name}: ${reason}`,
});

const good = frame(station.c, station.a, packetTo('c'));

test('by a node that does not relay', refuses, 'relay-off', { relays: false }, good);
test(
  'that was relayed before',
  refuses,
  'relayed-twice',
  {},
  frame(station.a, station.c, packetTo('a', [1], 'c')),
  'a',
);
test(
  'under a MAC address of nobody',
  refuses,
  'relayed-twice',
  {},
  frame(station.c, Uint8Array.of(2, 9, 9, 9, 9, 9), packetTo('c')),
);
test('to another peer, flooded by a static peer', refuses, 'inner-wrong-mac', { fixed: ['a'] }, good);
test(
  "to another peer, flooded by a static peer under a MAC address of another's",
  refuses,
  'inner-wrong-mac',
  { fixed: ['a'] },
  frame(station.c, Uint8Array.of(2, 0, 0, 0, 0, 0xd), packetTo('c')),
);
test(
  'to a station that is no peer, flooded by a static peer',
  refuses,
  'inner-wrong-mac',
  { fixed: ['a'], without: ['c'] },
  good,
);
test('to a station that is no peer', refuses, 'relay-target-unknown', { without: ['c'] }, good);
test('to a group', refuses, 'inner-wrong-mac', {}, frame(Uint8Array.of(3, 0, 0, 0, 0, 0xc), station.a, packetTo('c')));
test('to a peer that needs a relay itself', refuses, 'relay-target-unreachable', { through: ['c'] }, good);
test('that is too long for the second hop', refuses, 'relay-too-big', { mtuBytes: { c: 30 } }, good);
test('back to its sender', refuses, 'inner-wrong-mac', {}, frame(station.a, station.a, packetTo('c')));
test('from a stranger', refuses, 'unknown-sender', {}, good, Uint8Array.of(198, 18, 9, 9));
test(
  'of another network',
  refuses,
  'vxlan-wrong-vni',
  {},
  (() => {
    const bytes = good.slice();
    bytes[6] = VNI + 1;
    return bytes;
  })(),
);
test(
  'that is cut within the inner Ethernet header',
  refuses,
  'inner-ethernet-truncated',
  {},
  good.subarray(0, ENCAPSULATION_LENGTH - 1),
);

const failsAs = test.macro<[errnoName: string, reason: string]>({
  exec: (t, errnoName: string, reason: string) => {
    const { b } = trio();
    b.receive('a', good, 0, 0, errnoName);
    t.deepEqual(b.drops(), { [reason]: 1 });
    t.like(b.account().ingress, { received: 1, relayed: 0, queued: 0 });
    t.is(b.sentTo(number.c), 0);
  },
  title: (_, errnoName, reason) => `a relayed packet that fails with ${errnoName} is dropped as ${reason}`,
});

test(failsAs, 'ENOBUFS', 'relay-send-buffer-full');
test(failsAs, 'ENETUNREACH', 'relay-underlay-unreachable');
test(failsAs, 'EPERM', 'relay-send-forbidden');
test(failsAs, 'EMSGSIZE', 'relay-too-big');
test(failsAs, 'EIO', 'relay-send-failed');

/** What C makes of a frame from B with the MAC address of `as`. */
const judges = test.macro<[reason: string, options: RelayingNodeOptions, as: NodeName, source: NodeName]>({
  exec: (t, reason, options, as, source) => {
    const c = new RelayingNode('c', options);
    const { delivered } = c.receive('b', frame(station.c, station[as], packetTo('c', [1], source)));
    t.is(delivered.length, reason === '' ? 1 : 0);
    t.deepEqual(c.drops(), reason === '' ? {} : { [reason]: 1 });
    t.deepEqual(balanced(c), [0, 0]);
  },
  title: (name, reason) => `a packet that B hands over ${name} is ${reason === '' ? 'accepted' : `dropped: ${reason}`}`,
});

test('of A as that of A', judges, '', { mayRelay: ['b'] }, 'a', 'a');
test('of A as that of A, and that is reached through B', judges, '', asEnd('a'), 'a', 'a');
test('of A as that of A, without having announced to relay', judges, 'relay-not-announced', {}, 'a', 'a');
test('of A as its own', judges, 'forged-source', { mayRelay: ['b'] }, 'b', 'a');
test('of B as that of A', judges, '', { mayRelay: ['b'] }, 'a', 'b');
test('of C itself as that of A', judges, 'forged-source', { mayRelay: ['b'] }, 'a', 'c');

test('IPv6 up to its minimum MTU is passed on in outer fragments where the second hop is smaller; probes are not', (t) => {
  const { a, b } = trio({ a: { mtuBytes: { c: 1_280 } }, b: { mtuBytes: { c: 1_000 } } });
  const [first] = a.send(packetTo('c', filled(1_200), 'a', 6));
  const [second] = b.receive('a', first!.bytes).relayed;
  t.is(second!.outerFragmentBytes, 1_050);
  t.is(b.account().outerFragmented, 1);
  a.orders.put(wayNumber('c'), 1_248, 1);
  t.deepEqual(b.receive('a', a.transmitProbes()[0]!.bytes).relayed, []);
  t.deepEqual(b.drops(), { 'relay-too-big': 1 });

  const without = new RelayingNode('b', { relays: true, mtuBytes: { c: 1_000 }, outerFragmentation: false });
  without.receive('a', first!.bytes);
  t.deepEqual(without.drops(), { 'relay-too-big': 1 });
});

test('what is no packet is passed on as well: its target will say so', (t) => {
  const { b, c } = trio();
  const broken = frame(station.c, station.a, packetTo('c').subarray(0, 10));
  const [relayed] = b.receive('a', broken).relayed as [SentDatagram];
  t.deepEqual(relayed.bytes, broken);
  c.receive('b', relayed.bytes);
  t.deepEqual(c.drops(), { 'inner-truncated': 1 });
});

test('ICMP passes, too', (t) => {
  const { a, b, c } = trio();
  const packet = ipPacket({
    source: podOf('a'),
    destination: podOf('c'),
    protocol: 1,
    transport: echoRequest(4, [1, 2]),
  });
  const [first] = a.send(packet);
  t.deepEqual(c.receive('b', b.receive('a', first!.bytes).relayed[0]!.bytes).delivered[0]!.packet, packet);
});

test('a batch that cannot take what one datagram may hold is refused', (t) => {
  const { forwarding } = new RelayingNode('b');
  const batch = new TransmitBatch(MAX_PACKETS_PER_DATAGRAM - 1, MAX_PACKETS_PER_DATAGRAM);
  const options = { forwarding, batch, sendingSockets: 16, outerFragmentation: false };
  t.throws(() => new Relay({ ...options, memory: new Uint8Array(0) } as never), { instanceOf: RangeError });
});

/** A probe of A through B to C and back. */
function probed(nodes: ReturnType<typeof trio>, sizeBytes: number, sequence: number): SentDatagram | undefined {
  const { a, b, c } = nodes;
  a.orders.put(wayNumber('c'), sizeBytes, sequence);
  const [request] = a.transmitProbes();
  const [relayedRequest] = b.receive('a', request!.bytes).relayed;
  if (relayedRequest === undefined) return undefined;
  c.receive('b', relayedRequest.bytes);
  const [reply] = c.transmitProbes();
  const [relayedReply] = b.receive('c', reply!.bytes).relayed;
  a.nowUs += 250;
  a.receive('b', relayedReply!.bytes);
  return reply;
}

test('a probe goes through a relay and its reply comes back that way, so that the whole way is measured', (t) => {
  const nodes = trio();
  const reply = probed(nodes, 1_400, 77);
  t.is(reply!.peer, number.b, 'to where the request came from');
  t.deepEqual([...reply!.bytes.subarray(8, 20)], [...station.a, ...station.c]);
  t.deepEqual(nodes.a.takeResults(), [[number.c, 1_400, 77, 250, 0]]);
  t.like(nodes.b.account().ingress, { received: 2, relayed: 2, delivered: 0 });
  t.like(nodes.c.account().ingress, { received: 1, delivered: 1 });
  t.deepEqual(balanced(...Object.values(nodes)), [0, 0, 0, 0, 0, 0]);
});

test('probes leave in sends of their own, there, through a relay and back; data does not', (t) => {
  const { a, b, c } = trio();
  for (const sequence of [1, 2]) a.orders.put(wayNumber('c'), 1_400, sequence);
  const requests = a.transmitProbes();
  const relayed = requests.flatMap(({ bytes }) => b.receive('a', bytes).relayed);
  for (const { bytes } of relayed) c.receive('b', bytes);
  const replies = c.transmitProbes();
  const relayedBack = replies.flatMap(({ bytes }) => b.receive('c', bytes).relayed);
  const all = [requests, relayed, replies, relayedBack].flat();
  t.deepEqual(
    all.map(({ isAlone }) => isAlone),
    Array.from({ length: 8 }, () => true),
  );
  const [data] = a.send(ipPacket({ source: podOf('a', 6), destination: podOf('c', 6), protocol: 253, transport: [1] }));
  t.false(data!.isAlone);
  t.false(b.receive('a', data!.bytes).relayed[0]!.isAlone);
});

test('a probe that is too long for the second hop is lost, and a shorter one is not', (t) => {
  const nodes = trio({ b: { mtuBytes: { c: 1_000 } } });
  t.is(probed(nodes, 1_001, 1), undefined);
  t.not(probed(nodes, 1_000, 2), undefined);
  t.deepEqual(nodes.b.drops(), { 'relay-too-big': 1 });
});

test('a reply says how many requests came directly, also if it goes through a relay', (t) => {
  const nodes = trio();
  const { a, c } = nodes;
  for (const sequence of [1, 2, 3]) {
    a.orders.put(number.c, 100, sequence);
    c.receive('a', a.transmitProbes()[0]!.bytes);
  }
  const direct = c.transmitProbes();
  t.deepEqual(
    direct.map(({ peer }) => peer),
    [number.a, number.a, number.a],
  );
  for (const { bytes } of direct.slice(1)) a.receive('c', bytes);
  probed(nodes, 100, 4);
  t.deepEqual(
    a.takeResults().map((result) => [result[2], result[4]]),
    [
      [2, 2],
      [3, 3],
      [4, 3],
    ],
  );
});

test('a probe through a node that has not announced to relay is not answered', (t) => {
  const nodes = trio({ c: { mayRelay: [] } });
  const { a, b, c } = nodes;
  a.orders.put(wayNumber('c'), 100, 1);
  const [request] = a.transmitProbes();
  c.receive('b', b.receive('a', request!.bytes).relayed[0]!.bytes);
  t.deepEqual(c.transmitProbes(), []);
  t.deepEqual(c.drops(), { 'forged-source': 1 });
});

test('a probe under the MAC address of another than its link-local address says is not answered', (t) => {
  const { a, c } = trio();
  a.orders.put(wayNumber('c'), 100, 1);
  const bytes = a.transmitProbes()[0]!.bytes.slice();
  bytes.set(station.b, 14);
  c.receive('b', bytes);
  t.deepEqual(c.transmitProbes(), []);
});

const RUNS = 20_000;
const FIRST_SEED = Number(process.env['SEED'] ?? 1);

test(`${RUNS} frames between any stations, seed ${FIRST_SEED}: each accounted for, passed on unchanged, and never twice`, (t) => {
  const random = new SeededRandom(FIRST_SEED);
  const relays = [
    new RelayingNode('b', { relays: true }),
    new RelayingNode('b', { relays: true, through: ['c'], outerFragmentation: false }),
    new RelayingNode('b', { relays: false, mayRelay: ['a', 'c'] }),
    new RelayingNode('b', { relays: true, mayRelay: ['a'], mtuBytes: { a: 60, c: 300 }, remoteChecksum: ['a'] }),
    new RelayingNode('b', { relays: true, without: ['c'] }),
  ];
  const second = new RelayingNode('c', { relays: true, mayRelay: ['b'] });
  const stations = [...Object.values(station), Uint8Array.of(2, 9, 9, 9, 9, 9), Uint8Array.of(3, 0, 0, 0, 0, 9)];
  const ends = ['a', 'b', 'c'] as const;
  const reached = new Set<string>();
  let relayedCount = 0;
  for (let run = 0; run < RUNS; run++) {
    const payload = random.bytes(random.below(400));
    const packet = packetTo(pick(random, ends), [...payload], pick(random, ends), pick(random, [4, 6]));
    const flags = random.below(8) === 0 ? [8, 0x20, 0, 0] : undefined;
    const from = pick(random, ends);
    const source = random.below(4) > 0 ? station[from] : pick(random, stations);
    const one = frame(pick(random, stations), source, packet, flags);
    if (random.below(4) === 0) one[random.below(one.length)] = random.below(256);
    const copies = 1 + (random.below(3) === 0 ? random.below(5) : 0);
    const cut = random.below(10) === 0 ? random.below(one.length) : 0;
    const bytes = joined(Array.from({ length: copies }, () => one)).subarray(0, copies * one.length - cut);
    const errnoName = random.below(20) === 0 ? pick(random, ['ENOBUFS', 'ENETUNREACH', 'EPERM', 'EIO']) : undefined;
    const { relayed } = pick(random, relays).receive(from, bytes, copies > 1 ? one.length : 0, 0, errnoName);
    for (const { bytes: passedOn, peer } of relayed) {
      relayedCount++;
      const [destination, source] = [passedOn.subarray(8, 14), passedOn.subarray(14, 20)];
      const isSlice = passedOn.every((octet, index) => octet === one[index]);
      const isRight = equal(destination, peer === number.a ? station.a : station.c) && equal(source, station[from]);
      if (!isSlice || !isRight) t.fail(`run ${run}: ${Buffer.from(bytes).toString('hex')}`);
      if (second.receive('b', passedOn).relayed.length > 0) t.fail(`run ${run}: relayed twice`);
    }
  }
  t.true(relayedCount > RUNS / 20, String(relayedCount));
  t.is(
    relayedCount,
    relays.reduce((sum, node) => sum + node.account().ingress.relayed + failedIn(node), 0),
  );
  for (const node of [...relays, second]) {
    t.deepEqual(balanced(node), [0, 0]);
    t.is(node.account().ingress.queued, 0);
    for (const name of Object.keys(node.drops())) reached.add(name);
  }
  t.deepEqual(
    dropReasons.map(({ name }) => name).filter((name) => name.startsWith('relay') && !reached.has(name)),
    [],
  );
});

/** Packets that were to be passed on, and could not be sent. */
function failedIn(node: RelayingNode): number {
  const failures = [
    'relay-send-buffer-full',
    'relay-underlay-unreachable',
    'relay-send-forbidden',
    'relay-send-failed',
  ];
  const drops = node.drops();
  return failures.reduce((sum, name) => sum + (drops[name] ?? 0), 0);
}

function equal(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && left.every((octet, index) => octet === right[index]);
}
