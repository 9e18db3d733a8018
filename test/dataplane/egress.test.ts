import test from 'ava';
import { Counters, createCountersMemory } from '../../src/dataplane/counters.ts';
import { DropReason } from '../../src/dataplane/drop-reason.ts';
import { Egress, MAX_SEGMENTS, MIN_HEADER_AREA_LENGTH } from '../../src/dataplane/egress.ts';
import { PeerCounters, createPeerCountersMemory } from '../../src/dataplane/peer-counters.ts';
import { TransmitBatch } from '../../src/dataplane/transmit-batch.ts';
import {
  type PacketParts,
  checksumFieldAt,
  echoRequest,
  get16,
  ipPacket,
  makePartial,
  put16,
  tcpSegment,
  u16,
  udpDatagram,
} from '../support/ip-packet.ts';
import {
  MTU,
  OverlayNode,
  PEER,
  PLAIN_VIRTIO,
  encapsulated,
  joined,
  pod,
  residual,
  virtioHeader,
} from '../support/overlay-node.ts';

const v4 = { source: pod.a4, destination: pod.b4 } as const;
const v6 = { source: pod.a6, destination: pod.b6 } as const;
const udp = { protocol: 17, transport: udpDatagram([1, 2, 3]) } as const;

const forwards = test.macro({
  exec: (t, parts: PacketParts) => {
    const packet = ipPacket(parts);
    const node = new OverlayNode('a');
    const sent = node.send(PLAIN_VIRTIO, packet);
    t.deepEqual(
      sent.map(({ bytes }) => [...bytes]),
      [[...encapsulated(packet)]],
    );
    t.is(sent[0]!.peer, PEER);
    t.true(sent[0]!.socket >= 0 && sent[0]!.socket < 16);
    const account = node.account().egress;
    t.like(account, { received: 1, sent: 1, queued: 0, receivedBytes: packet.length, forwardedBytes: packet.length });
    t.is(residual(account), 0);
  },
  title: (name) => `${name} is sent to its peer as it is`,
});

test('UDP over IPv4', forwards, { ...v4, ...udp });
test('UDP over IPv6', forwards, { ...v6, ...udp });
test('TCP over IPv4', forwards, { ...v4, protocol: 6, transport: tcpSegment(1, 2, []) });
test('TCP over IPv6', forwards, { ...v6, protocol: 6, transport: tcpSegment(1, 2, []) });
test('an echo request', forwards, { ...v4, protocol: 1, transport: echoRequest(4, [1, 2, 3, 4]) });
test('an ICMPv6 echo request', forwards, { ...v6, protocol: 58, transport: echoRequest(6, [1, 2, 3, 4]) });
test('a fragment', forwards, { ...v4, protocol: 17, fragment: 0x2002, transport: [1, 2, 3, 4, 5, 6, 7, 8] });
test('a packet of an unknown protocol', forwards, { ...v4, protocol: 253, transport: [1, 2, 3] });
test('a packet without payload', forwards, { ...v4, protocol: 253, transport: [] });
test('a packet of just the MTU', forwards, {
  ...v4,
  protocol: 17,
  transport: udpDatagram(Array.from({ length: MTU - 28 }, () => 5)),
});

const completes = test.macro({
  exec: (t, parts: PacketParts, checksumStart: number, checksumOffset: number) => {
    const complete = ipPacket(parts);
    const partial = complete.slice();
    makePartial(partial);
    t.notDeepEqual(partial, complete);
    const sent = new OverlayNode('a').send(virtioHeader(0, 0, checksumStart, checksumOffset), partial);
    t.deepEqual(
      sent.map(({ bytes }) => [...bytes]),
      [[...encapsulated(complete)]],
    );
  },
  title: (name) => `the partial checksum of ${name} is completed`,
});

test('UDP over IPv4', completes, { ...v4, ...udp }, 20, 6);
test('UDP over IPv6', completes, { ...v6, ...udp }, 40, 6);
test('TCP over IPv4', completes, { ...v4, protocol: 6, transport: tcpSegment(1, 2, [7]) }, 20, 16);
test('TCP over IPv6', completes, { ...v6, protocol: 6, transport: tcpSegment(1, 2, [7]) }, 40, 16);
// The payload is what the sum of everything else lacks to 0xffff.
const lacking = get16(ipPacket({ ...v4, protocol: 6, transport: tcpSegment(1, 2, [0, 0]) }), 36);
const summedToZero = { ...v4, protocol: 6, transport: tcpSegment(1, 2, u16(lacking)) } as const;
test('TCP that comes out as 0', completes, summedToZero, 20, 16);
test('UDP behind IPv4 options', completes, { ...v4, ...udp, options: [1, 1, 1, 0] }, 24, 6);

const tunnelled = (packet: Uint8Array, addresses: typeof v4 | typeof v6) => {
  const outside = ipPacket({ ...addresses, protocol: 17, transport: udpDatagram([...packet]) });
  put16(outside, checksumFieldAt(outside), 0);
  return outside;
};

for (const addresses of [v4, v6]) {
  const family = addresses === v4 ? 4 : 6;
  test(`UDP over IPv${family} without a checksum is sent as it is`, (t) => {
    const packet = ipPacket({ ...addresses, ...udp });
    put16(packet, checksumFieldAt(packet), 0);
    for (const isAgreed of [false, true]) {
      const [sent] = new OverlayNode('a', MTU, undefined, true, isAgreed).send(PLAIN_VIRTIO, packet);
      t.deepEqual([...sent!.bytes], [...encapsulated(packet)]);
    }
  });

  test(`in a tunnel over IPv${family} without a checksum, the checksum inside is completed`, (t) => {
    const inside = ipPacket({ ...v4, protocol: 6, transport: tcpSegment(1, 2, [7]) });
    const partial = inside.slice();
    makePartial(partial);
    const start = (family === 4 ? 28 : 48) + 20;
    for (const isAgreed of [false, true]) {
      const node = new OverlayNode('a', MTU, undefined, true, isAgreed);
      const [sent] = node.send(virtioHeader(0, 0, start, 16), tunnelled(partial, addresses));
      t.deepEqual([...sent!.bytes], [...encapsulated(tunnelled(inside, addresses))]);
    }
  });
}

test('a super-packet of one segment is sent as one packet', (t) => {
  const complete = ipPacket({ ...v4, protocol: 6, transport: tcpSegment(1, 24, [1, 2, 3]) });
  const partial = complete.slice();
  makePartial(partial);
  const sent = new OverlayNode('a').send(virtioHeader(1, 1400, 20, 16), partial);
  t.deepEqual(
    sent.map(({ bytes }) => [...bytes]),
    [[...encapsulated(complete)]],
  );
});

const superPacket = (length: number) =>
  ipPacket({
    ...v4,
    protocol: 6,
    transport: tcpSegment(
      1,
      16,
      Array.from({ length }, () => 7),
    ),
  });
const superDatagram = (length: number) =>
  ipPacket({ ...v4, protocol: 17, transport: udpDatagram(Array.from({ length }, () => 7)) });

const drops = test.macro<[read: Uint8Array, reason: string, packets?: number]>({
  exec: (t, read: Uint8Array, reason: string, packets = 1) => {
    const node = new OverlayNode('a');
    t.deepEqual(node.sendRaw(read), []);
    t.deepEqual(node.drops('egress'), { [reason]: packets });
    const account = node.account().egress;
    t.is(account.received, packets);
    t.is(residual(account), 0);
  },
  title: (name, _read, reason) => `${name} is dropped as ${reason}`,
});

const plain = (packet: Uint8Array) => joined([PLAIN_VIRTIO, packet]);
const changed = (packet: Uint8Array, at: number, value: number) => {
  const copy = packet.slice();
  copy[at] = value;
  return copy;
};
const good = ipPacket({ ...v4, ...udp });
const good6 = ipPacket({ ...v6, ...udp });

test('nothing', drops, new Uint8Array(0), 'offload-malformed');
test('a part of a virtio-net header', drops, new Uint8Array(9), 'offload-malformed');
test('a virtio-net header without a packet', drops, new Uint8Array(10), 'packet-truncated');
test('a packet of IP version 5', drops, plain(changed(good, 0, 0x55)), 'packet-not-ip');
test('19 bytes', drops, plain(good.slice(0, 19)), 'packet-truncated');
test('39 bytes of IPv6', drops, plain(good6.slice(0, 39)), 'packet-truncated');
test('a packet that lacks its last byte', drops, plain(good.slice(0, -1)), 'packet-truncated');
test('an IPv6 packet that lacks its last byte', drops, plain(good6.slice(0, -1)), 'packet-truncated');
test('a packet with a byte too much', drops, plain(joined([good, Uint8Array.of(0)])), 'packet-bad-length');
test('an IPv6 packet with a byte too much', drops, plain(joined([good6, Uint8Array.of(0)])), 'packet-bad-length');
test('a packet with a header of 16 bytes', drops, plain(changed(good, 0, 0x44)), 'packet-bad-length');
test('a packet whose extension header runs out of it', drops, plain(changed(good6, 6, 0)), 'packet-bad-extensions');
test(
  'a multicast packet',
  drops,
  plain(ipPacket({ ...v4, ...udp, destination: [224, 0, 0, 251] })),
  'destination-not-unicast',
);
test(
  'a link-local packet',
  drops,
  plain(ipPacket({ ...v6, ...udp, destination: [0xfe, 0x80, ...pod.b6.slice(2)] })),
  'destination-not-unicast',
);
const mldReport = {
  source: Array.from({ length: 16 }, () => 0),
  destination: [0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x16],
  // A router alert in front, as the kernel sends it.
  firstExtension: 0,
  options: [58, 0, 5, 2, 0, 0, 1, 0],
  protocol: 58,
} as const;
test(
  "the kernel's own report of multicast groups",
  drops,
  plain(ipPacket({ ...mldReport, transport: [143, 0, 0, 0, 0, 0, 0, 0] })),
  'node-link-control',
);
test(
  'a router solicitation',
  drops,
  plain(ipPacket({ ...mldReport, transport: [133, 0, 0, 0, 0, 0, 0, 0] })),
  'node-link-control',
);
test(
  'a membership report of IGMP',
  drops,
  plain(ipPacket({ ...v4, destination: [224, 0, 0, 22], protocol: 2, transport: [0x22, 0, 0, 0, 0, 0, 0, 0] })),
  'node-link-control',
);
test(
  'an echo request to all nodes of the link',
  drops,
  plain(ipPacket({ ...mldReport, transport: echoRequest(6, [1, 2, 3, 4]) })),
  'destination-not-unicast',
);
test(
  'a report of multicast groups without a byte of it',
  drops,
  plain(ipPacket({ ...mldReport, transport: [] })),
  'destination-not-unicast',
);
test("a packet from another node's pod", drops, plain(ipPacket({ ...v4, ...udp, source: pod.b4 })), 'source-not-local');
test('a packet from nobody', drops, plain(ipPacket({ ...v4, ...udp, source: pod.c4 })), 'source-not-local');
test('a packet to nobody', drops, plain(ipPacket({ ...v4, ...udp, destination: pod.c4 })), 'no-route');
test(
  'a packet to a pod of this node',
  drops,
  plain(ipPacket({ ...v4, ...udp, destination: pod.a4 })),
  'destination-local',
);
test('a packet of a byte more than the MTU', drops, plain(superDatagram(MTU - 27)), 'packet-too-big');
test(
  'a UDP super-packet with segments above the MTU',
  drops,
  joined([virtioHeader(5, MTU - 27, 20, 6), superDatagram(5000)]),
  'packet-too-big',
  4,
);
test(
  'a super-packet to nobody',
  drops,
  joined([
    virtioHeader(1, 1000, 20, 16),
    ipPacket({
      ...v4,
      destination: pod.c4,
      protocol: 6,
      transport: tcpSegment(
        1,
        16,
        Array.from({ length: 4500 }, () => 7),
      ),
    }),
  ]),
  'no-route',
  5,
);
test(
  'a super-packet of 5000 segments',
  drops,
  joined([virtioHeader(1, 1, 20, 16), superPacket(5000)]),
  'too-many-segments',
  5000,
);
test(
  'a super-packet of segments without payload',
  drops,
  joined([virtioHeader(1, 0, 20, 16), superPacket(5000)]),
  'offload-malformed',
);
test(
  'a super-packet with a complete checksum',
  drops,
  joined([Uint8Array.of(0, ...virtioHeader(1, 1000, 20, 16).subarray(1)), superPacket(5000)]),
  'offload-malformed',
);
test(
  'a super-packet with a checksum of UDP',
  drops,
  joined([virtioHeader(1, 1000, 20, 6), superPacket(5000)]),
  'offload-malformed',
);
test(
  'a super-packet with a checksum from elsewhere',
  drops,
  joined([virtioHeader(1, 1000, 22, 16), superPacket(5000)]),
  'offload-malformed',
);
test(
  'a TCP super-packet that is UDP',
  drops,
  joined([virtioHeader(1, 1000, 20, 16), superDatagram(5000)]),
  'offload-malformed',
);
test(
  'a UDP super-packet that is TCP',
  drops,
  joined([virtioHeader(5, 1000, 20, 6), superPacket(5000)]),
  'offload-malformed',
);
test(
  'a super-packet of TCP over IPv6 that is IPv4',
  drops,
  joined([virtioHeader(4, 1000, 20, 16), superPacket(5000)]),
  'offload-malformed',
);
test(
  'a super-packet that is a fragment',
  drops,
  joined([
    virtioHeader(1, 1000, 20, 16),
    ipPacket({
      ...v4,
      fragment: 0x2000,
      protocol: 6,
      transport: tcpSegment(
        1,
        16,
        Array.from({ length: 4500 }, () => 7),
      ),
    }),
  ]),
  'offload-malformed',
);
test(
  'a super-packet to be fragmented (UFO)',
  drops,
  joined([virtioHeader(3, 1000, 20, 6), superDatagram(5000)]),
  'offload-unsupported',
);
test('a checksum in the IP header', drops, joined([virtioHeader(0, 0, 0, 10), good]), 'offload-malformed');
test('a checksum beyond the packet', drops, joined([virtioHeader(0, 0, 20, 10), good]), 'offload-malformed');
test(
  'a checksum far beyond the packet',
  drops,
  joined([virtioHeader(0, 0, 65_535, 65_535), good]),
  'offload-malformed',
);

test('a flow keeps to one socket, and flows to more than one', (t) => {
  const node = new OverlayNode('a');
  const socketOf = (port: number) =>
    node.send(PLAIN_VIRTIO, ipPacket({ ...v4, protocol: 17, transport: udpDatagram([1], port) }))[0]!.socket;
  t.is(socketOf(1000), socketOf(1000));
  t.true(new Set(Array.from({ length: 64 }, (_, index) => socketOf(1000 + index))).size > 8);
});

test('the MTU of the peer counts', (t) => {
  const node = new OverlayNode('a', 1000);
  t.is(node.send(PLAIN_VIRTIO, superDatagram(972)).length, 1);
  t.is(node.send(PLAIN_VIRTIO, superDatagram(973)).length, 0);
  t.is(node.send(virtioHeader(1, 960, 20, 16), superPacket(5000)).length, 6);
  t.is(node.send(virtioHeader(5, 972, 20, 6), superDatagram(5000)).length, 6);
  t.is(node.send(virtioHeader(5, 973, 20, 6), superDatagram(5000)).length, 0);
});

test('what cannot be sent is counted per packet', (t) => {
  const node = new OverlayNode('a');
  t.is(node.send(PLAIN_VIRTIO, good).length, 1);
  node.memory.set(joined([PLAIN_VIRTIO, good]), MIN_HEADER_AREA_LENGTH + 100);
  node.egress.push(MIN_HEADER_AREA_LENGTH + 100, 10 + good.length);
  t.is(node.account().egress.queued, 1);
  node.egress.failed(0, DropReason.sendBufferFull);
  node.egress.clear();
  t.like(node.account().egress, { received: 2, sent: 1, queued: 0 });
  t.deepEqual(node.drops('egress'), { 'send-buffer-full': 1 });
});

test('there is room for any packet until there is not', (t) => {
  const node = new OverlayNode('a');
  t.true(node.egress.hasRoom());
  node.memory.set(joined([PLAIN_VIRTIO, good]), MIN_HEADER_AREA_LENGTH + 100);
  node.egress.push(MIN_HEADER_AREA_LENGTH + 100, 10 + good.length);
  t.false(node.egress.hasRoom(), 'the batch of the fixture holds just one packet of any size');
  node.egress.sent(0);
  node.egress.clear();
  t.true(node.egress.hasRoom());
});

test('a batch or a header area too small for the largest packet is refused', (t) => {
  const node = new OverlayNode('a');
  const options = {
    memory: node.memory,
    headerArea: { at: 0, lengthBytes: MIN_HEADER_AREA_LENGTH },
    forwarding: node.forwarding,
    counters: new Counters(createCountersMemory(1), 0),
    peerCounters: new PeerCounters(createPeerCountersMemory(1, 16), 0),
    batch: new TransmitBatch(MAX_SEGMENTS, 2 * MAX_SEGMENTS),
    vni: 42,
    sendingSockets: 16,
    errors: node.errors,
    outerFragmentation: true,
    trafficClass: { ecn: true, dscp: 'copy' as const },
  };
  t.notThrows(() => new Egress(options));
  const headerArea = { at: 0, lengthBytes: MIN_HEADER_AREA_LENGTH - 1 };
  t.throws(() => new Egress({ ...options, headerArea }), { instanceOf: RangeError });
  const batch = new TransmitBatch(MAX_SEGMENTS - 1, 2 * MAX_SEGMENTS);
  t.throws(() => new Egress({ ...options, batch }), { instanceOf: RangeError });
  const flatBatch = new TransmitBatch(MAX_SEGMENTS, 2 * MAX_SEGMENTS - 1);
  t.throws(() => new Egress({ ...options, batch: flatBatch }), { instanceOf: RangeError });
});

test('segments of two packets do not share headers', (t) => {
  const node = new OverlayNode('a');
  const packet = superPacket(3000);
  makePartial(packet);
  const read = joined([virtioHeader(1, 1000, 20, 16), packet]);
  const ats = [MIN_HEADER_AREA_LENGTH + 100, MIN_HEADER_AREA_LENGTH + 4000];
  for (const at of ats) {
    node.memory.set(read, at);
    node.egress.push(at, read.length);
  }
  const { transmitBatch: batch } = node;
  const headers = new Set<number>();
  for (let index = 0; index < batch.datagramCount; index++) headers.add(batch.pieceAt[batch.firstPiece[index]!]!);
  t.is(headers.size, 6);
});
