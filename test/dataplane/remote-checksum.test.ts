import test from 'ava';
import {
  type PacketParts,
  checksumFieldAt,
  echoRequest,
  get16,
  ipPacket,
  makePartial,
  packetFault,
  put16,
  tcpSegment,
  transportOf,
  udpDatagram,
} from '../support/ip-packet.ts';
import {
  COALESCING,
  MTU,
  OverlayNode,
  PLAIN_VIRTIO,
  encapsulated,
  pod,
  virtioHeader,
} from '../support/overlay-node.ts';

const v4 = { source: pod.a4, destination: pod.b4 } as const;
const v6 = { source: pod.a6, destination: pod.b6 } as const;
const filled = (length: number) => Array.from({ length }, (_, index) => index & 0xff);
const node = (name: 'a' | 'b', remoteChecksum = true) => new OverlayNode(name, MTU, COALESCING, true, remoteChecksum);
const partial = (parts: PacketParts) => {
  const packet = ipPacket(parts);
  makePartial(packet);
  return packet;
};
/** The first octets of a kernel's own header: flags, and the last of the VNI word. */
const flagged = (packet: Uint8Array, last: number) => {
  const datagram = encapsulated(packet);
  datagram[1] = 0x20;
  datagram[7] = last;
  return datagram;
};

// What a Linux vxlan device with remcsumtx writes there for each.
const staysPartial = test.macro({
  exec: (t, parts: PacketParts, last: number) => {
    const packet = partial(parts);
    const { at } = transportOf(packet);
    const virtio = virtioHeader(0, 0, at, checksumFieldAt(packet) - at);
    const [sent] = node('a').send(virtio, packet);
    t.deepEqual(sent!.bytes, flagged(packet, last));
    const [delivered] = node('b').receive(sent!.bytes);
    t.deepEqual(delivered!.packet, packet);
    t.is(delivered!.virtio[0], 1);
    const [complete] = node('a', false).send(virtio, packet);
    t.deepEqual(complete!.bytes, encapsulated(ipPacket(parts)));
  },
  title: (name) => `${name}: the partial checksum stays so, but only if that was agreed`,
});

test('TCP over IPv4', staysPartial, { ...v4, protocol: 6, transport: tcpSegment(1, 16, [1, 2, 3]) }, 0x11);
test('UDP over IPv4', staysPartial, { ...v4, protocol: 17, transport: udpDatagram([1, 2, 3]) }, 0x91);
test('TCP over IPv6', staysPartial, { ...v6, protocol: 6, transport: tcpSegment(1, 16, [1, 2, 3]) }, 0x1b);
test('UDP over IPv6', staysPartial, { ...v6, protocol: 17, transport: udpDatagram([1, 2, 3]) }, 0x9b);
test(
  'UDP behind IPv4 options',
  staysPartial,
  { ...v4, protocol: 17, options: [1, 1, 1, 0], transport: udpDatagram([1]) },
  0x93,
);

const segmentsStayPartial = test.macro({
  exec: (t, addresses: typeof v4 | typeof v6, protocol: 6 | 17) => {
    const transport = protocol === 6 ? tcpSegment(1, 16, filled(5000)) : udpDatagram(filled(5000));
    const packet = partial({ ...addresses, protocol, transport });
    const { at } = transportOf(packet);
    const gsoType = protocol === 17 ? 5 : addresses === v4 ? 1 : 4;
    const virtio = virtioHeader(gsoType, 1000, at, protocol === 6 ? 16 : 6);
    const b = node('b');
    const sent = node('a').send(virtio, packet);
    t.is(sent.length, 5);
    for (const { bytes } of sent) {
      t.deepEqual([bytes[1], packetFault(bytes.slice(22), true)], [0x20, '']);
      const [delivered] = b.receive(bytes);
      t.is(packetFault(delivered!.packet, true), '');
    }
    t.is(b.account().ingress.delivered, 5);
  },
  title: (name) => `${name}: each segment has the sum of its own pseudo-header`,
});

test('TCP over IPv4', segmentsStayPartial, v4, 6);
test('TCP over IPv6', segmentsStayPartial, v6, 6);
test('UDP over IPv4', segmentsStayPartial, v4, 17);
test('UDP over IPv6', segmentsStayPartial, v6, 17);

const isComplete = test.macro({
  exec: (t, virtio: Uint8Array, parts: PacketParts) => {
    const [sent] = node('a').send(virtio, virtio === PLAIN_VIRTIO ? ipPacket(parts) : partial(parts));
    t.is(sent!.bytes[1], 0);
  },
  title: (name) => `${name} leaves without the mark`,
});

test('a complete checksum', isComplete, PLAIN_VIRTIO, { ...v4, protocol: 17, transport: udpDatagram([1]) });
test('ICMP', isComplete, PLAIN_VIRTIO, { ...v4, protocol: 1, transport: echoRequest(4, [1]) });
test('a partial checksum of something inside the payload', isComplete, virtioHeader(0, 0, 28, 6), {
  ...v4,
  protocol: 17,
  transport: udpDatagram(udpDatagram([1, 2])),
});
test('one behind more extension headers than the mark can express', isComplete, virtioHeader(0, 0, 40 + 248, 6), {
  ...v6,
  protocol: 17,
  firstExtension: 60,
  options: [17, 30, 1, 244, ...filled(244).map(() => 0)],
  transport: udpDatagram([1]),
});

const drops = test.macro<[datagram: Uint8Array, reason: string, isAgreed?: boolean]>({
  exec: (t, datagram: Uint8Array, reason: string, isAgreed = true) => {
    const b = node('b', isAgreed);
    t.deepEqual(b.receive(datagram), []);
    t.deepEqual(b.drops('ingress'), { [reason]: 1 });
  },
  title: (name, _datagram, reason) => `${name} is dropped as ${reason}`,
});

const udp = { ...v4, protocol: 17, transport: udpDatagram([1, 2, 3]) } as const;
const tcp = { ...v4, protocol: 6, transport: tcpSegment(1, 16, [1, 2, 3]) } as const;
const wrong = (packet: Uint8Array) => {
  const at = checksumFieldAt(packet);
  put16(packet, at, get16(packet, at) ^ 1);
  return packet;
};

test('a mark that was not agreed', drops, flagged(partial(udp), 0x91), 'remote-checksum-not-agreed', false);
test('a start within the IP header', drops, flagged(partial(udp), 0x90), 'remote-checksum-mismatch');
test('a start behind the transport header', drops, flagged(partial(udp), 0x92), 'remote-checksum-mismatch');
test('a start of 0', drops, flagged(partial(udp), 0x80), 'remote-checksum-mismatch');
test('the field of TCP in UDP', drops, flagged(partial(udp), 0x11), 'remote-checksum-mismatch');
test('the field of UDP in TCP', drops, flagged(partial(tcp), 0x91), 'remote-checksum-mismatch');
test('a complete checksum with a mark', drops, flagged(ipPacket(udp), 0x91), 'remote-checksum-mismatch');
test('a wrong partial checksum', drops, flagged(wrong(partial(udp)), 0x91), 'remote-checksum-mismatch');
test(
  'a fragment with a mark',
  drops,
  flagged(ipPacket({ ...v4, protocol: 17, fragment: 0x2000, transport: filled(16) }), 0x91),
  'remote-checksum-mismatch',
);
test(
  'ICMP with a mark',
  drops,
  flagged(ipPacket({ ...v4, protocol: 1, transport: echoRequest(4, [1, 2, 3]) }), 0x91),
  'remote-checksum-mismatch',
);
