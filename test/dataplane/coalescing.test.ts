import test from 'ava';
import { flowHash } from '../../src/dataplane/flow-hash.ts';
import { InnerPacket } from '../../src/dataplane/inner-packet.ts';
import { coalesced, completed, meaningOf, segmentsOf } from '../support/coalescing-twin.ts';
import {
  type PacketParts,
  checksumFieldAt,
  ipPacket,
  packetFault,
  put16,
  tcpSegment,
  transportOf,
  udpDatagram,
} from '../support/ip-packet.ts';
import { type DeliveredPacket, MTU, NO_COALESCING, encapsulated, joined, pod } from '../support/overlay-node.ts';
import { RandomFlow, interleaved } from '../support/random-flow.ts';
import { type ReceivedDatagram, ReceivingNode } from '../support/receiving-node.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';

const v4 = { source: pod.a4, destination: pod.b4 } as const;
const v6 = { source: pod.a6, destination: pod.b6 } as const;
const ACK = 0x10;
const SLOTS = 64;
const RUNS = 30;
const filled = (length: number) => Array.from({ length }, (_, index) => index & 0xff);
const alone = (packet: Uint8Array): ReceivedDatagram => ({ bytes: encapsulated(packet), groSizeBytes: 0 });
const sizes = (delivered: readonly DeliveredPacket[]) => delivered.map(({ innerPackets }) => innerPackets);

const seeds = process.env['SEED'] === undefined ? [1, 2, 3, 4] : [Number(process.env['SEED'])];
const oddities = [0, 0.02, 0.2, 1];
for (const [index, seed] of seeds.entries()) {
  const oddity = oddities[index % oddities.length]!;
  test(`what the kernel makes of what is delivered is what was received, flow by flow, and no flow is in more pieces than must be: seed ${seed}, ${oddity * 100} % oddities`, (t) => {
    const random = new SeededRandom(seed);
    const node = new ReceivingNode();
    let groups = 0;
    let packets = 0;
    for (let run = 0; run < RUNS; run++) {
      const sent = interleaved(random, distinctFlows(random), 1 + random.below(100), oddity);
      for (let swaps = random.below(4); swaps > 0; swaps--) swapNeighbours(sent, random);
      const delivered = node.receive(asReceived(random, sent));
      const sentByFlow = Map.groupBy(sent, flowOf);
      const deliveredByFlow = Map.groupBy(delivered, ({ packet }) => flowOf(packet));
      t.deepEqual([...deliveredByFlow.keys()].sort(), [...sentByFlow.keys()].sort());
      for (const [flow, packetsOfFlow] of sentByFlow) {
        const ofFlow = deliveredByFlow.get(flow)!;
        const segments = ofFlow.flatMap(({ virtio, packet }) => segmentsOf(virtio, packet));
        t.deepEqual(segments.map(meaningOf), packetsOfFlow.map(completed).map(meaningOf), `run ${run}, flow ${flow}`);
        const expected = coalesced(packetsOfFlow);
        t.deepEqual(
          sizes(ofFlow),
          expected.map((group) => group.length),
          `run ${run}, flow ${flow}`,
        );
        groups += expected.length;
        packets += packetsOfFlow.length;
      }
      t.true(delivered.every(({ virtio, packet }) => packetFault(packet, virtio[0] === 1) === ''));
    }
    if (oddity < 0.1) t.true(packets > 3 * groups, 'much was put together');
    t.true(groups > 100);
  });
}

const coalesces = test.macro({
  exec: (t, parts: readonly PacketParts[], expected: readonly number[]) => {
    const packets = parts.map(ipPacket);
    const delivered = new ReceivingNode().receive(packets.map(alone));
    t.deepEqual(sizes(delivered), expected);
    const segments = delivered.flatMap(({ virtio, packet }) => segmentsOf(virtio, packet));
    t.deepEqual(segments.map(meaningOf), packets.map(meaningOf));
  },
  title: (name, _parts, expected: readonly number[]) => `${name}: ${expected.join(', ')}`,
});

const tcp = (sequence: number, length = 100, flags = ACK, parts: Partial<PacketParts> = {}): PacketParts => ({
  ...v4,
  identification: Math.trunc(sequence / 100),
  ...parts,
  protocol: 6,
  transport: tcpSegment(sequence, flags, filled(length)),
});
const udp = (index: number, length = 100, parts: Partial<PacketParts> = {}): PacketParts => ({
  ...v4,
  identification: index,
  ...parts,
  protocol: 17,
  transport: udpDatagram(filled(length)),
});

test('three TCP segments', coalesces, [tcp(0), tcp(100), tcp(200)], [3]);
test('three over IPv6', coalesces, [tcp(0, 100, ACK, v6), tcp(100, 100, ACK, v6), tcp(200, 100, ACK, v6)], [3]);
test('the shorter one is the last', coalesces, [tcp(0), tcp(100, 40), tcp(140)], [2, 1]);
test('a longer one begins anew', coalesces, [tcp(0), tcp(100, 101), tcp(201, 101)], [1, 2]);
test('a gap', coalesces, [tcp(0), tcp(101), tcp(201)], [1, 2]);
test('reordering', coalesces, [tcp(100), tcp(0), tcp(100)], [1, 2]);
test('a segment twice', coalesces, [tcp(0), tcp(0), tcp(100)], [1, 2]);
test('PSH ends', coalesces, [tcp(0), tcp(100, 100, ACK | 8), tcp(200), tcp(300)], [2, 2]);
test('FIN ends', coalesces, [tcp(0), tcp(100, 100, ACK | 1), tcp(200)], [2, 1]);
test('an acknowledgment in between', coalesces, [tcp(0), tcp(100, 0), tcp(100), tcp(200)], [1, 1, 2]);
test('a SYN in between', coalesces, [tcp(0), tcp(100, 0, 2), tcp(100)], [1, 1, 1]);
test('CWR travels alone', coalesces, [tcp(0, 100, ACK | 0x80), tcp(100), tcp(200)], [1, 2]);
test('CWR on all travels alone', coalesces, [tcp(0, 100, ACK | 0x80), tcp(100, 100, ACK | 0x80)], [1, 1]);
test('ECE on all', coalesces, [tcp(0, 100, ACK | 0x40), tcp(100, 100, ACK | 0x40)], [2]);
test('ECE on one', coalesces, [tcp(0), tcp(100, 100, ACK | 0x40)], [1, 1]);
test('CE on one', coalesces, [tcp(0), tcp(100, 100, ACK, { trafficClass: 3 })], [1, 1]);
test('another time to live', coalesces, [tcp(0), tcp(100, 100, ACK, { timeToLive: 63 })], [1, 1]);
test('DF on one', coalesces, [tcp(0), tcp(100, 100, ACK, { fragment: 0 })], [1, 1]);
test('an identification that stays, with DF', coalesces, [udp(7), udp(7), udp(7)], [3]);
test('one that stays and then goes on, with DF', coalesces, [udp(7), udp(7), udp(8)], [2, 1]);
test('one that stays, without DF', coalesces, [udp(7, 100, { fragment: 0 }), udp(7, 100, { fragment: 0 })], [1, 1]);
test(
  'one that jumps, without DF',
  coalesces,
  [udp(7, 100, { fragment: 0 }), udp(8, 100, { fragment: 0 }), udp(10, 100, { fragment: 0 })],
  [2, 1],
);
test(
  'a fragment lets nothing of its flow pass',
  coalesces,
  [udp(7), { ...udp(8), fragment: 0x2000, transport: filled(64) }, udp(9)],
  [1, 1, 1],
);
test(
  '65 UDP datagrams',
  coalesces,
  Array.from({ length: 65 }, (_, index) => udp(index, 10)),
  [64, 1],
);
test(
  '513 TCP segments of a byte',
  coalesces,
  Array.from({ length: 513 }, (_, index) => tcp(index, 1, ACK, { identification: index })),
  [512, 1],
);
test(
  'a super-packet never exceeds 65535 bytes',
  coalesces,
  Array.from({ length: 50 }, (_, index) => tcp(index * 1400, 1400, ACK, { identification: index })),
  [46, 4],
);

test('the headers of a super-packet are those of the first segment, lengths and checksums its own', (t) => {
  const packets = [tcp(0), tcp(100), tcp(200, 50, ACK | 8)].map(ipPacket);
  const [{ virtio, packet }] = new ReceivingNode().receive(packets.map(alone)) as [DeliveredPacket];
  t.deepEqual([...virtio], [1, 1, 40, 0, 100, 0, 20, 0, 16, 0]);
  t.is(packet.length, 40 + 250);
  t.is(packet[20 + 13], ACK | 8);
  t.is(packetFault(packet, true), '');
});

test('a TCP packet above the MTU, as a kernel peer sends it, flushes its flow and travels alone', (t) => {
  const large = ipPacket(tcp(100, 2 * MTU));
  const delivered = new ReceivingNode().receive([ipPacket(tcp(0)), large, ipPacket(tcp(100 + 2 * MTU))].map(alone));
  t.deepEqual(sizes(delivered), [1, 3, 1]);
});

for (const addresses of [v4, v6]) {
  test(`UDP over IPv${addresses === v4 ? 4 : 6} without a checksum is not coalesced`, (t) => {
    const packets = [0, 1, 2].map((index) => ipPacket(udp(index, 100, addresses)));
    put16(packets[1]!, checksumFieldAt(packets[1]!), 0);
    const delivered = new ReceivingNode().receive(packets.map(alone));
    t.deepEqual(
      delivered.map(({ packet }) => packet),
      packets,
    );
  });
}

test('each of the two protocols can be left out', (t) => {
  const packets = [tcp(0), udp(0), tcp(100), udp(1)].map(ipPacket).map(alone);
  t.deepEqual(sizes(new ReceivingNode({ tcp: true, udp: false }).receive(packets)), [1, 1, 2]);
  t.deepEqual(sizes(new ReceivingNode({ tcp: false, udp: true }).receive(packets)), [1, 1, 2]);
  t.deepEqual(sizes(new ReceivingNode(NO_COALESCING).receive(packets)), [1, 1, 1, 1]);
});

test('more flows than there are slots: each in its order', (t) => {
  const ports = Array.from({ length: 300 }, (_, index) => 1000 + index);
  const round = (index: number) =>
    ports.map((port) =>
      ipPacket({ ...v4, protocol: 17, identification: index, transport: udpDatagram([index], port) }),
    );
  const delivered = new ReceivingNode().receive([round(0), round(1)].flat().map(alone));
  const segments = delivered.flatMap(({ virtio, packet }) => segmentsOf(virtio, packet));
  for (const ofFlow of Map.groupBy(segments, flowOf).values())
    t.deepEqual(
      ofFlow.map((packet) => packet[28]),
      [0, 1],
    );
  t.is(segments.length, 600);
});

/** Flows that do not share a slot of the table, so that none flushes another. */
function distinctFlows(random: SeededRandom): RandomFlow[] {
  const flows: RandomFlow[] = [];
  const taken = new Set<number>();
  for (let port = 1000; flows.length < 5; port++) {
    const flow = new RandomFlow(random, port);
    const packet = flow.next(0);
    const parsed = new InnerPacket();
    parsed.parse(packet, 0, packet.length);
    const slot = flowHash(packet, parsed) % SLOTS;
    if (taken.has(slot)) continue;
    taken.add(slot);
    flows.push(flow);
  }
  return flows;
}

function swapNeighbours(packets: Uint8Array[], random: SeededRandom): void {
  const at = random.below(packets.length);
  const [left, right] = [packets[at], packets[at + 1]];
  if (left !== undefined && right !== undefined) packets.splice(at, 2, right, left);
}

/** As a socket gives them: some by themselves, some joined with the next ones of the same length. */
function asReceived(random: SeededRandom, packets: readonly Uint8Array[]): ReceivedDatagram[] {
  const datagrams: ReceivedDatagram[] = [];
  let rest = packets.map(encapsulated);
  while (rest.length > 0) {
    const size = rest[0]!.length;
    const most = 1 + random.below(64);
    let count = 1;
    while (count < Math.min(most, rest.length) && rest[count]!.length === size) count++;
    if (count < Math.min(most, rest.length) && rest[count]!.length < size) count++;
    datagrams.push({ bytes: joined(rest.slice(0, count)), groSizeBytes: count > 1 ? size : 0 });
    rest = rest.slice(count);
  }
  return datagrams;
}

function flowOf(packet: Uint8Array): string {
  const { protocol, at } = transportOf(packet);
  return `${packet[0]! >> 4} ${protocol} ${packet.subarray(at, at + 4).join('.')}`;
}
