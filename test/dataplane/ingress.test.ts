import test from 'ava';
import { Counters, createCountersMemory } from '../../src/dataplane/counters.ts';
import { DeliveryBatch } from '../../src/dataplane/delivery-batch.ts';
import { DropReason } from '../../src/dataplane/drop-reason.ts';
import type { ForwardingRoute } from '../../src/dataplane/forwarding-state.ts';
import { ForwardingPublisher, ForwardingReader, createForwardingMemory } from '../../src/dataplane/forwarding-table.ts';
import { Ingress, MAX_PACKETS_PER_DATAGRAM } from '../../src/dataplane/ingress.ts';
import {
  type PacketParts,
  checksumFieldAt,
  completeChecksum,
  echoRequest,
  ipPacket,
  makePartial,
  pseudoSum,
  get16,
  put16,
  tcpSegment,
  transportOf,
  udpDatagram,
} from '../support/ip-packet.ts';
import { goldenFrame } from '../support/golden-frames.ts';
import {
  MTU,
  NO_COALESCING,
  OverlayNode,
  PEER,
  PLAIN_VIRTIO,
  encapsulated,
  joined,
  mac,
  pod,
  residual,
  underlay,
} from '../support/overlay-node.ts';

const v4 = { source: pod.a4, destination: pod.b4 } as const;
const v6 = { source: pod.a6, destination: pod.b6 } as const;
const udp = { protocol: 17, transport: udpDatagram([1, 2, 3]) } as const;
const filled = (length: number) => Array.from({ length }, (_, index) => index & 0xff);
const changed = (octets: Uint8Array, at: number, value: number) => {
  const copy = octets.slice();
  copy[at] = value;
  return copy;
};

const delivers = test.macro({
  exec: (t, parts: PacketParts) => {
    const packet = ipPacket(parts);
    const node = new OverlayNode('b');
    const delivered = node.receive(encapsulated(packet));
    t.deepEqual(delivered, [{ virtio: PLAIN_VIRTIO, packet, innerPackets: 1 }]);
    const account = node.account().ingress;
    t.like(account, {
      received: 1,
      delivered: 1,
      queued: 0,
      receivedBytes: packet.length,
      forwardedBytes: packet.length,
    });
    t.is(residual(account), 0);
  },
  title: (name) => `${name} is delivered as it is`,
});

test('UDP over IPv4', delivers, { ...v4, ...udp });
test('UDP over IPv6', delivers, { ...v6, ...udp });
test('TCP over IPv4', delivers, { ...v4, protocol: 6, transport: tcpSegment(1, 2, [1]) });
test('TCP over IPv6', delivers, { ...v6, protocol: 6, transport: tcpSegment(1, 2, [1]) });
test('an echo request', delivers, { ...v4, protocol: 1, transport: echoRequest(4, [1, 2, 3]) });
test('an ICMPv6 echo request', delivers, { ...v6, protocol: 58, transport: echoRequest(6, [1, 2, 3]) });
test('an IPv4 fragment', delivers, { ...v4, protocol: 6, fragment: 0x2000, transport: [1, 2, 3, 4, 5, 6, 7, 8] });
test('an IPv6 fragment', delivers, {
  ...v6,
  protocol: 44,
  transport: [17, 0, 0, 1, 0, 0, 0, 9, 1, 2, 3, 4, 5, 6, 7, 8],
});
test('a packet of an unknown protocol', delivers, { ...v4, protocol: 253, transport: [1, 2, 3] });
test('an encrypted packet', delivers, { ...v6, protocol: 50, transport: [1, 2, 3, 4] });
test('a UDP packet above the MTU', delivers, { ...v4, protocol: 17, transport: udpDatagram(filled(5000)) });
test('an ICMP packet above the MTU', delivers, { ...v4, protocol: 1, transport: echoRequest(4, filled(5000)) });
test('a TCP packet of just the MTU', delivers, { ...v4, protocol: 6, transport: tcpSegment(1, 2, filled(MTU - 40)) });
test('UDP behind extension headers', delivers, {
  ...v6,
  ...udp,
  firstExtension: 60,
  options: [17, 0, 1, 4, 0, 0, 0, 0],
});

const withoutChecksum = (parts: PacketParts) => {
  const packet = ipPacket(parts);
  put16(packet, checksumFieldAt(packet), 0);
  return packet;
};

const deliversWithout = test.macro<[PacketParts]>({
  exec: (t, parts) => {
    const packet = withoutChecksum(parts);
    for (const isAgreed of [false, true]) {
      const node = new OverlayNode('b', MTU, undefined, true, isAgreed);
      const delivered = [packet, packet].flatMap((one) => node.receive(encapsulated(one)));
      t.deepEqual(
        delivered,
        [packet, packet].map((one) => ({ virtio: PLAIN_VIRTIO, packet: one, innerPackets: 1 })),
      );
    }
  },
  title: (name) => `${name} without a checksum is delivered as it is`,
});

test('UDP over IPv4', deliversWithout, { ...v4, ...udp });
test('UDP over IPv6', deliversWithout, { ...v6, ...udp });
test('UDP over IPv6 above the MTU', deliversWithout, { ...v6, protocol: 17, transport: udpDatagram(filled(5000)) });
test('a first fragment of UDP over IPv6', delivers, {
  ...v6,
  protocol: 44,
  transport: [17, 0, 0, 1, 0, 0, 0, 9, ...udpDatagram(filled(8))],
});
test('UDP behind extension headers', deliversWithout, {
  ...v6,
  ...udp,
  firstExtension: 60,
  options: [17, 0, 1, 4, 0, 0, 0, 0],
});

test('UDP without a checksum says nothing about a checksum that is left to us', (t) => {
  const datagram = changed(encapsulated(withoutChecksum({ ...v6, ...udp })), 1, 0x20);
  const node = new OverlayNode('b', MTU, undefined, true, true);
  t.deepEqual(node.receive(changed(datagram, 7, 0x9b)), []);
  t.deepEqual(node.drops('ingress'), { 'remote-checksum-mismatch': 1 });
});

test('UDP options behind the datagram are not covered by its checksum', (t) => {
  const packet = ipPacket({ ...v4, protocol: 17, transport: [...udpDatagram([1, 2]), 9, 9] });
  put16(packet, 24, 10);
  const whole = ipPacket({ ...v4, protocol: 17, transport: udpDatagram([1, 2]) });
  put16(packet, 26, get16(whole, 26));
  t.is(new OverlayNode('b').receive(encapsulated(packet)).length, 1);
});

const marksPartial = test.macro({
  exec: (t, parts: PacketParts) => {
    const packet = ipPacket(parts);
    makePartial(packet);
    const { at } = transportOf(packet);
    const [delivered] = new OverlayNode('b').receive(encapsulated(packet));
    t.deepEqual(delivered!.packet, packet);
    t.deepEqual([...delivered!.virtio], [1, 0, 0, 0, 0, 0, at, 0, checksumFieldAt(packet) - at, 0]);
  },
  title: (name) => `the partial checksum of ${name}, as a kernel peer leaves it, is left to the kernel`,
});

test('UDP over IPv4', marksPartial, { ...v4, ...udp });
test('UDP over IPv6', marksPartial, { ...v6, ...udp });
test('TCP over IPv4', marksPartial, { ...v4, protocol: 6, transport: tcpSegment(1, 2, []) });
test('TCP over IPv6', marksPartial, { ...v6, protocol: 6, transport: tcpSegment(1, 2, []) });
test('TCP behind IPv4 options', marksPartial, {
  ...v4,
  protocol: 6,
  options: [1, 1, 1, 0],
  transport: tcpSegment(1, 2, [7]),
});

const isSuper = test.macro({
  exec: (
    t,
    parts: PacketParts,
    groSize: number,
    expected: { type: number; size: number; header: number; packets: number },
  ) => {
    const complete = ipPacket(parts);
    const partial = complete.slice();
    makePartial(partial);
    const { at } = transportOf(partial);
    const { type, size, header, packets } = expected;
    const virtio = [1, type, header, 0, size & 0xff, size >> 8, at, 0, checksumFieldAt(partial) - at, 0];
    for (const packet of [complete, partial]) {
      const node = new OverlayNode('b');
      const delivered = node.receive(encapsulated(packet), groSize);
      t.is(delivered.length, 1);
      t.deepEqual([...delivered[0]!.virtio], virtio);
      t.deepEqual(delivered[0]!.packet, partial);
      t.is(delivered[0]!.innerPackets, packets);
      const account = node.account().ingress;
      const receivedBytes = packet.length + (packets - 1) * header;
      t.like(account, { received: packets, delivered: packets, receivedBytes, forwardedBytes: receivedBytes });
    }
  },
  title: (name) => `${name} is delivered as a super-packet`,
});

test('TCP over IPv4 above the MTU', isSuper, { ...v4, protocol: 6, transport: tcpSegment(1, 16, filled(14_101)) }, 0, {
  type: 1,
  size: MTU - 40,
  header: 40,
  packets: 11,
});
test('TCP over IPv6 above the MTU', isSuper, { ...v6, protocol: 6, transport: tcpSegment(1, 16, filled(60_000)) }, 0, {
  type: 4,
  size: MTU - 60,
  header: 60,
  packets: 44,
});
test(
  'TCP with options and CWR above the MTU',
  isSuper,
  { ...v4, protocol: 6, transport: tcpSegment(1, 0x90, filled(3000), [1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2]) },
  0,
  { type: 0x81, size: MTU - 52, header: 52, packets: 3 },
);
test('UDP over IPv4 with a size', isSuper, { ...v4, protocol: 17, transport: udpDatagram(filled(10_050)) }, 1000, {
  type: 5,
  size: 1000,
  header: 28,
  packets: 11,
});
test('UDP over IPv6 with a size', isSuper, { ...v6, protocol: 17, transport: udpDatagram(filled(10_000)) }, 1000, {
  type: 5,
  size: 1000,
  header: 48,
  packets: 10,
});
test('UDP with a size, below the MTU', isSuper, { ...v4, protocol: 17, transport: udpDatagram(filled(300)) }, 100, {
  type: 5,
  size: 100,
  header: 28,
  packets: 3,
});

test('joined datagrams are taken apart, the shorter last one included', (t) => {
  const packets = [40, 40, 40, 13].map((length, index) =>
    ipPacket({ ...v4, protocol: 17, identification: index, transport: udpDatagram(filled(length)) }),
  );
  const node = new OverlayNode('b', MTU, NO_COALESCING);
  const delivered = node.receive(joined(packets.map(encapsulated)), 22 + 68);
  t.deepEqual(
    delivered.map(({ packet }) => packet),
    packets,
  );
  t.like(node.account().ingress, { received: 4, delivered: 4 });
});

test('of joined datagrams each is judged on its own', (t) => {
  const good = encapsulated(ipPacket({ ...v4, ...udp }));
  const node = new OverlayNode('b', MTU, NO_COALESCING);
  const delivered = node.receive(
    joined([
      changed(good, 0, 0),
      good,
      changed(good, 6, 99),
      changed(good, good.length - 1, 9),
      good,
      good.slice(0, 5),
    ]),
    good.length,
  );
  t.is(delivered.length, 2);
  t.deepEqual(node.drops('ingress'), {
    'vxlan-no-vni': 1,
    'vxlan-wrong-vni': 1,
    'inner-bad-checksum': 1,
    'vxlan-truncated': 1,
  });
  t.is(node.account().ingress.received, 6);
});

test('a size of the whole datagram, or above, means nothing', (t) => {
  const packet = ipPacket({ ...v4, ...udp });
  const node = new OverlayNode('b');
  for (const size of [53, 54, 60_000]) t.is(node.receive(encapsulated(packet), size)[0]!.innerPackets, 1);
});

for (const addresses of [v4, v6]) {
  test(`a size that IPv${addresses === v4 ? 4 : 6} UDP without a checksum came with makes a super-packet that has one`, (t) => {
    const packet = withoutChecksum({ ...addresses, protocol: 17, transport: udpDatagram(filled(300)) });
    const [delivered] = new OverlayNode('b').receive(encapsulated(packet), 100);
    t.is(get16(delivered!.packet, checksumFieldAt(packet)), pseudoSum(packet, 17, 308));
  });
}

const drops = test.macro<[datagram: Uint8Array, reason: string, sender?: Uint8Array]>({
  exec: (t, datagram: Uint8Array, reason: string, sender: Uint8Array = underlay.a) => {
    const node = new OverlayNode('b');
    t.deepEqual(node.receive(datagram, 0, sender), []);
    t.deepEqual(node.drops('ingress'), { [reason]: 1 });
    const account = node.account().ingress;
    t.is(account.received, 1);
    t.is(account.receivedBytes, Math.max(0, datagram.length - 22));
    t.is(residual(account), 0);
  },
  title: (name, _datagram, reason) => `${name} is dropped as ${reason}`,
});

const good = encapsulated(ipPacket({ ...v4, ...udp }));
const good6 = encapsulated(ipPacket({ ...v6, ...udp }));
const broken = (parts: PacketParts) => {
  const packet = ipPacket(parts);
  return encapsulated(changed(packet, packet.length - 1, packet.at(-1)! ^ 1));
};
const cutTransport = (parts: PacketParts) => encapsulated(ipPacket(parts));

const takesPaddingOff = test.macro<[parts: PacketParts, paddingBytes: number]>({
  exec: (t, parts, paddingBytes) => {
    const packet = ipPacket(parts);
    const padded = joined([packet, new Uint8Array(paddingBytes).fill(0xff)]);
    const node = new OverlayNode('b');
    const [delivered, ...others] = node.receive(encapsulated(padded));
    t.deepEqual(others, []);
    t.deepEqual(delivered?.packet, packet);
    const account = node.account().ingress;
    t.like(account, { received: 1, delivered: 1, receivedBytes: packet.length, forwardedBytes: packet.length });
    t.is(residual(account), 0);
  },
  title: (name, _parts, paddingBytes) => `${paddingBytes} bytes behind ${name} in its frame are taken off`,
});

// Up to what Ethernet carries at least, and what is left of that when somebody takes a VLAN tag out.
test('IPv4', takesPaddingOff, { ...v4, ...udp }, 46 - 31);
test('IPv4 without a tag', takesPaddingOff, { ...v4, ...udp }, 42 - 31);
test('IPv6', takesPaddingOff, { ...v6, protocol: 59, transport: [1] }, 46 - 41);
test('IPv6 without a tag', takesPaddingOff, { ...v6, protocol: 59, transport: [1] }, 42 - 41);
test('an IPv4 packet', takesPaddingOff, { ...v4, ...udp }, 1);
test('an IPv6 packet', takesPaddingOff, { ...v6, ...udp }, 1);
// A check sequence.
test('a long TCP segment', takesPaddingOff, { ...v4, protocol: 6, transport: tcpSegment(1, 16, filled(1300)) }, 4);
test(
  'a long TCP segment over IPv6',
  takesPaddingOff,
  { ...v6, protocol: 6, transport: tcpSegment(1, 16, filled(9)) },
  4,
);
test('an IPv4 fragment', takesPaddingOff, { ...v4, protocol: 17, fragment: 0x2000, transport: filled(16) }, 300);
test('an IPv4 packet with options', takesPaddingOff, { ...v4, ...udp, options: [1, 1, 1, 0] }, 60_000);

test('a packet whose checksum is left to us stays one without what was behind it', (t) => {
  const packet = ipPacket({ ...v6, ...udp });
  makePartial(packet);
  const [delivered] = new OverlayNode('b').receive(encapsulated(joined([packet, Uint8Array.of(1, 2, 3)])));
  t.deepEqual(delivered!.packet, packet);
  t.deepEqual([...delivered!.virtio], [1, 0, 0, 0, 0, 0, 40, 0, 6, 0]);
});

test('padded segments that the kernel joined become one super-packet', (t) => {
  const segment = (index: number) =>
    ipPacket({ ...v4, protocol: 17, identification: index, transport: udpDatagram(filled(6)) });
  const padded = [0, 1, 2].map((index) => encapsulated(joined([segment(index), Uint8Array.of(9, 9, 9, 9)])));
  const node = new OverlayNode('b');
  const [delivered, ...others] = node.receive(joined(padded), padded[0]!.length);
  t.deepEqual(others, []);
  t.is(delivered!.innerPackets, 3);
  t.deepEqual([...delivered!.packet.subarray(28)], [...filled(6), ...filled(6), ...filled(6)]);
  t.is(node.account().ingress.receivedBytes, 3 * 34);
});

test('the size beside a datagram is that of what it is split by, as soon as its first packet does not fill it', (t) => {
  const packet = ipPacket({ ...v4, protocol: 17, transport: udpDatagram(filled(300)) });
  t.is(new OverlayNode('b').receive(encapsulated(packet), 100)[0]!.innerPackets, 3);
  const node = new OverlayNode('b');
  t.deepEqual(node.receive(encapsulated(joined([packet, Uint8Array.of(0)])), 100), []);
  t.is(node.account().ingress.received, 4);
});

test('an empty datagram', drops, new Uint8Array(0), 'vxlan-truncated');
test('7 bytes', drops, good.slice(0, 7), 'vxlan-truncated');
test('a header without the I flag', drops, changed(good, 0, 0), 'vxlan-no-vni');
test('another VNI', drops, changed(good, 4, 1), 'vxlan-wrong-vni');
test('a datagram from a stranger', drops, good, 'unknown-sender', Uint8Array.of(198, 18, 0, 9));
test('a datagram from an IPv6 stranger', drops, good, 'unknown-sender', new Uint8Array(16));
test('a datagram with the remote checksum flag', drops, changed(good, 1, 0x20), 'remote-checksum-not-agreed');
test('a kernel peer with remcsumtx', drops, goldenFrame('vxlan-ipv4-tcp-syn').slice(42), 'remote-checksum-not-agreed');
test('8 bytes', drops, good.slice(0, 8), 'inner-ethernet-truncated');
test('21 bytes', drops, good.slice(0, 21), 'inner-ethernet-truncated');
test('ARP', drops, changed(good, 21, 6), 'inner-ethertype');
test('a VLAN tag', drops, changed(good, 20, 0x81), 'inner-ethertype');
test('a frame to another MAC address', drops, changed(good, 13, 1), 'inner-wrong-mac');
test(
  'a broadcast frame',
  drops,
  joined([good.slice(0, 8), new Uint8Array(6).fill(0xff), good.slice(14)]),
  'inner-wrong-mac',
);
test('an Ethernet header alone', drops, good.slice(0, 22), 'inner-truncated');
test('a packet of IP version 0', drops, changed(good, 22, 0x05), 'inner-not-ip');
test(
  'IPv6 that is called IPv4',
  drops,
  joined([good6.slice(0, 20), Uint8Array.of(8, 0), good6.slice(22)]),
  'inner-not-ip',
);
test(
  'IPv4 that is called IPv6',
  drops,
  joined([good.slice(0, 20), Uint8Array.of(0x86, 0xdd), good.slice(22)]),
  'inner-not-ip',
);
test('a part of an IPv4 header', drops, good.slice(0, 41), 'inner-truncated');
test('a part of an IPv6 header', drops, good6.slice(0, 61), 'inner-truncated');
test('a packet without its last byte', drops, good.slice(0, -1), 'inner-truncated');
test('an IPv6 packet without its last byte', drops, good6.slice(0, -1), 'inner-truncated');
test('an IPv4 packet that claims less than its header', drops, changed(good, 25, 19), 'inner-bad-length');
test('an IPv4 header of 16 bytes', drops, changed(good, 22, 0x44), 'inner-bad-length');
test('an extension header that runs out of the packet', drops, changed(good6, 28, 60), 'inner-bad-extensions');
test('a wrong header checksum', drops, changed(good, 30, 63), 'inner-bad-ip-checksum');
test('a wrong UDP checksum', drops, broken({ ...v4, ...udp }), 'inner-bad-checksum');
test('a wrong UDP checksum over IPv6', drops, broken({ ...v6, ...udp }), 'inner-bad-checksum');
test(
  'a wrong TCP checksum',
  drops,
  broken({ ...v4, protocol: 6, transport: tcpSegment(1, 2, [1, 2]) }),
  'inner-bad-checksum',
);
test(
  'a wrong ICMP checksum',
  drops,
  broken({ ...v4, protocol: 1, transport: echoRequest(4, [1, 2]) }),
  'inner-bad-checksum',
);
test(
  'a wrong ICMPv6 checksum',
  drops,
  broken({ ...v6, protocol: 58, transport: echoRequest(6, [1, 2]) }),
  'inner-bad-checksum',
);
test(
  'a partial checksum for another length',
  drops,
  (() => {
    const packet = ipPacket({ ...v4, ...udp });
    put16(packet, 26, pseudoSum(packet, 17, 12));
    return encapsulated(packet);
  })(),
  'inner-bad-checksum',
);
test('7 bytes of UDP', drops, cutTransport({ ...v4, protocol: 17, transport: filled(7) }), 'inner-truncated');
test('19 bytes of TCP', drops, cutTransport({ ...v4, protocol: 6, transport: filled(19) }), 'inner-truncated');
test('7 bytes of ICMP', drops, cutTransport({ ...v4, protocol: 1, transport: filled(7) }), 'inner-truncated');
test('7 bytes of ICMPv6', drops, cutTransport({ ...v6, protocol: 58, transport: filled(7) }), 'inner-truncated');
test('a UDP length below the header', drops, changed(good, 47, 7), 'inner-bad-length');
test('a UDP length beyond the packet', drops, changed(good, 47, 99), 'inner-truncated');
test(
  'a TCP header of 16 bytes',
  drops,
  cutTransport({
    ...v4,
    protocol: 6,
    transport: [...changed(Uint8Array.from(tcpSegment(1, 2, [])), 12, 0x40)],
  }),
  'inner-bad-length',
);
test(
  'a TCP header beyond the packet',
  drops,
  cutTransport({
    ...v4,
    protocol: 6,
    transport: [...changed(Uint8Array.from(tcpSegment(1, 2, [])), 12, 0x60)],
  }),
  'inner-truncated',
);
test('a source of nobody', drops, encapsulated(ipPacket({ ...v4, ...udp, source: pod.c4 })), 'forged-source');
test('a source of ours', drops, encapsulated(ipPacket({ ...v4, ...udp, source: pod.b4 })), 'forged-source');
test('a multicast source', drops, encapsulated(ipPacket({ ...v4, ...udp, source: [224, 0, 0, 1] })), 'forged-source');
test(
  'a destination of the sender',
  drops,
  encapsulated(ipPacket({ ...v4, ...udp, destination: pod.a4 })),
  'destination-not-ours',
);
test(
  'a destination of nobody',
  drops,
  encapsulated(ipPacket({ ...v4, ...udp, destination: pod.c4 })),
  'destination-not-ours',
);

test('more datagrams than anybody joins are dropped as datagram-malformed-gro, each counted', (t) => {
  const node = new OverlayNode('b');
  t.deepEqual(node.receive(new Uint8Array(1000), 3), []);
  t.deepEqual(node.drops('ingress'), { 'datagram-malformed-gro': 334 });
  t.is(residual(node.account().ingress), 0);
});

test('a super-packet that is dropped counts as its segments', (t) => {
  const node = new OverlayNode('b');
  node.receive(broken({ ...v4, protocol: 6, transport: tcpSegment(1, 16, filled(14_100)) }));
  t.deepEqual(node.drops('ingress'), { 'inner-bad-checksum': 10 });
});

test('nothing of a super-packet sticks to what comes after it', (t) => {
  const node = new OverlayNode('b');
  const superPacket = ipPacket({ ...v4, protocol: 6, transport: tcpSegment(1, 16, filled(5000)) });
  const packet = ipPacket({ ...v4, ...udp });
  node.receive(encapsulated(superPacket));
  t.deepEqual(node.receive(encapsulated(packet)), [{ virtio: PLAIN_VIRTIO, packet, innerPackets: 1 }]);
  node.receive(encapsulated(superPacket));
  node.receive(new Uint8Array(3));
  t.like(node.account().ingress, { received: 4 + 1 + 4 + 1, delivered: 9 });
  t.deepEqual(node.drops('ingress'), { 'vxlan-truncated': 1 });
});

test('UDP with a size of its whole payload is one packet', (t) => {
  const packet = ipPacket({ ...v4, protocol: 17, transport: udpDatagram(filled(300)) });
  const delivered = new OverlayNode('b').receive(encapsulated(packet), 300);
  t.deepEqual(delivered, [{ virtio: PLAIN_VIRTIO, packet, innerPackets: 1 }]);
});

test('a partial checksum with UDP options behind the datagram is wrong: the kernel would cover them', (t) => {
  const packet = ipPacket({ ...v4, protocol: 17, transport: [...udpDatagram([1, 2]), 9, 9] });
  put16(packet, 24, 10);
  put16(packet, 26, pseudoSum(packet, 17, 10));
  const node = new OverlayNode('b');
  t.deepEqual(node.receive(encapsulated(packet)), []);
  t.deepEqual(node.drops('ingress'), { 'inner-bad-checksum': 1 });
});

test('an empty datagram with a size is counted, too', (t) => {
  const node = new OverlayNode('b');
  node.receive(new Uint8Array(0), 100);
  t.deepEqual(node.drops('ingress'), { 'vxlan-truncated': 1 });
});

test('reserved bits of the VXLAN header are ignored', (t) => {
  const reserved = joined([
    Uint8Array.of(0xff, 0xdf, 0xff, 0xff),
    good.slice(4, 7),
    Uint8Array.of(0xff),
    good.slice(8),
  ]);
  t.is(new OverlayNode('b').receive(reserved).length, 1);
});

test('what cannot be written is counted as its segments', (t) => {
  const node = new OverlayNode('b');
  const datagram = encapsulated(ipPacket({ ...v4, protocol: 6, transport: tcpSegment(1, 16, filled(5000)) }));
  node.memory.set(datagram, 1000);
  node.memory.set(underlay.a, 100);
  node.ingress.push(1000, datagram.length, 0, 4, 100, 0);
  t.is(node.account().ingress.queued, 4);
  node.ingress.failed(0, DropReason.tunDown);
  node.ingress.clear();
  t.deepEqual(node.drops('ingress'), { 'tun-down': 4 });
  t.like(node.account().ingress, { received: 4, delivered: 0, queued: 0 });
});

const route = (third: number, owner: number): ForwardingRoute => ({
  prefix: { address: { family: 4, bytes: Uint8Array.of(10, 244, third, 0) }, lengthBits: 24 },
  peer: owner,
});

test('each of several peers with one underlay address may send what is its own', (t) => {
  const memory = createForwardingMemory(8, 8);
  const endpoint = { address: { family: 4, bytes: underlay.a }, port: 4789 } as const;
  const peer = (index: number) => ({
    index,
    endpoint,
    mac: mac.a,
    mtuBytes: MTU,
    remoteChecksum: false,
    mayRelay: false,
    mayAskRelay: false,
  });
  const stranger = { ...peer(9), endpoint: { ...endpoint, address: { family: 4, bytes: underlay.b } as const } };
  new ForwardingPublisher(memory, 1).publish({
    mac: mac.b,
    peers: [peer(PEER), peer(8), stranger],
    relays: false,
    routes: [route(1, PEER), route(3, 8), route(4, 9), route(2, 0)],
  });
  const forwarding = new ForwardingReader(memory, 0);
  forwarding.enter();
  const bytes = new Uint8Array(4096);
  const batch = new DeliveryBatch(MAX_PACKETS_PER_DATAGRAM, MAX_PACKETS_PER_DATAGRAM);
  const counters = new Counters(createCountersMemory(1), 0);
  const modes = { coalescing: NO_COALESCING, ecn: true };
  const ingress = new Ingress({ memory: bytes, forwarding, counters, batch, vni: 42, overlayMtuBytes: MTU, ...modes });
  bytes.set(underlay.a, 0);
  const passes = (third: number): boolean => {
    const datagram = encapsulated(ipPacket({ ...v4, ...udp, source: [10, 244, third, 9] }));
    bytes.set(datagram, 100);
    const before = batch.packetCount;
    ingress.push(100, datagram.length, 0, 4, 0, 0);
    return batch.packetCount > before;
  };
  t.deepEqual([1, 3, 4, 2, 5].map(passes), [true, true, false, false, false]);
});

test('there is room for any datagram until there is not, and a batch too small for one is refused', (t) => {
  const node = new OverlayNode('b');
  t.true(node.ingress.hasRoom());
  node.memory.set(good, 1000);
  node.memory.set(underlay.a, 100);
  node.ingress.push(1000, good.length, 0, 4, 100, 0);
  t.false(node.ingress.hasRoom(), 'the batch of the fixture holds just one datagram of any kind');
  const { memory, forwarding } = node;
  const counters = new Counters(createCountersMemory(1), 0);
  const batch = new DeliveryBatch(MAX_PACKETS_PER_DATAGRAM - 1, MAX_PACKETS_PER_DATAGRAM);
  const coalescing = { tcp: true, udp: true };
  const options = { memory, forwarding, counters, batch, vni: 42, overlayMtuBytes: MTU, coalescing, ecn: true };
  t.throws(() => new Ingress(options), { instanceOf: RangeError });
});

test('a checksum that is complete and looks partial is left to the kernel, which comes to the same', (t) => {
  // Chosen so that the complete checksum equals the sum of the pseudo-header.
  const packet = ipPacket({ ...v4, protocol: 17, transport: udpDatagram([0, 0]) });
  const pseudo = pseudoSum(packet, 17, 10);
  const missing = (get16(packet, 26) - pseudo + 0xffff * 2) % 0xffff;
  put16(packet, 28, missing);
  completeChecksum(packet);
  t.is(get16(packet, 26), pseudo);
  const [delivered] = new OverlayNode('b').receive(encapsulated(packet));
  t.is(delivered!.virtio[0], 1);
});
