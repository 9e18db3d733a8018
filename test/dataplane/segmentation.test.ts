import test from 'ava';
import {
  checksumFieldAt,
  get16,
  ipPacket,
  makePartial,
  packetFault,
  pseudoSum,
  tcpSegment,
  transportOf,
  u16,
  u32,
  udpDatagram,
} from '../support/ip-packet.ts';
import { OverlayNode, encapsulated, pod, residual, virtioHeader } from '../support/overlay-node.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';

const TcpFlag = { fin: 1, psh: 8, ack: 16, ece: 64, cwr: 128 };
const SEED = Number(process.env['SEED'] ?? 1);
const TIMESTAMPS = [1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2];

/** The slow twin: builds each segment from nothing, as the sender would have without offload. */
function segmentsOf(superPacket: Uint8Array, gsoSize: number): Uint8Array[] {
  const isIpv4 = superPacket[0]! >> 4 === 4;
  const { protocol, at } = transportOf(superPacket);
  const headerLength = at + (protocol === 6 ? (superPacket[at + 12]! >> 4) * 4 : 8);
  const payload = [...superPacket.subarray(headerLength)];
  const segments: Uint8Array[] = [];
  for (let offset = 0; offset < payload.length; offset += gsoSize) {
    const slice = payload.slice(offset, offset + gsoSize);
    const isFirst = offset === 0;
    const isLast = offset + gsoSize >= payload.length;
    const transport = [...superPacket.subarray(at, headerLength), ...slice];
    if (protocol === 6) {
      const sequence = (get16(superPacket, at + 4) * 65_536 + get16(superPacket, at + 6) + offset) % 2 ** 32;
      transport.splice(4, 4, ...u32(sequence));
      if (!isLast) transport[13]! &= ~(TcpFlag.fin | TcpFlag.psh);
      if (!isFirst) transport[13]! &= ~TcpFlag.cwr;
    } else {
      transport.splice(4, 2, ...u16(8 + slice.length));
    }
    segments.push(
      ipPacket({
        source: [...superPacket.subarray(isIpv4 ? 12 : 8, isIpv4 ? 16 : 24)],
        destination: [...superPacket.subarray(isIpv4 ? 16 : 24, isIpv4 ? 20 : 40)],
        protocol,
        transport,
        options: [...superPacket.subarray(isIpv4 ? 20 : 40, at)],
        firstExtension: superPacket[6]!,
        identification: isIpv4 ? (get16(superPacket, 4) + segments.length) & 0xffff : 0,
        fragment: get16(superPacket, 6),
        trafficClass: isIpv4 ? superPacket[1]! : ((superPacket[0]! & 0x0f) << 4) | (superPacket[1]! >> 4),
      }),
    );
  }
  return segments;
}

const cuts = test.macro({
  exec: (t, superPacket: Uint8Array, gsoSize: number) => {
    makePartial(superPacket);
    const expected = segmentsOf(superPacket, gsoSize).map((segment) => [...encapsulated(segment)]);
    const node = new OverlayNode('a');
    const { protocol, at } = transportOf(superPacket);
    const isTcp = protocol === 6;
    const gsoType = isTcp ? (superPacket[0]! >> 4 === 4 ? 1 : 4) : 5;
    const sent = node.send(virtioHeader(gsoType, gsoSize, at, isTcp ? 16 : 6), superPacket);
    t.deepEqual(
      sent.map((datagram) => [...datagram.bytes]),
      expected,
    );
    t.true(sent.every((datagram) => packetFault(datagram.bytes.subarray(22)) === ''));
    t.is(new Set(sent.map((datagram) => datagram.socket)).size, 1, 'all on one socket');
    const account = node.account().egress;
    t.is(account.sent, expected.length);
    t.is(account.received, expected.length);
    t.is(account.receivedBytes, account.forwardedBytes);
    t.is(residual(account), 0);
  },
  title: (name) => `cuts ${name} as its slow twin does`,
});

const random = new SeededRandom(SEED);
const v4 = { source: pod.a4, destination: pod.b4 };
const v6 = { source: pod.a6, destination: pod.b6 };
const sequence = 0xffff_fff0;
const { fin, psh, ack, ece, cwr } = TcpFlag;

test(
  'TCP over IPv4',
  cuts,
  ipPacket({ ...v4, protocol: 6, transport: tcpSegment(1, ack, [...random.bytes(5000)]) }),
  1400,
);
test(
  'TCP over IPv6',
  cuts,
  ipPacket({ ...v6, protocol: 6, transport: tcpSegment(1, ack, [...random.bytes(5000)]) }),
  1390,
);
test(
  'TCP with options, FIN, PSH, CWR, ECT, and a sequence number that wraps',
  cuts,
  ipPacket({
    ...v4,
    protocol: 6,
    trafficClass: 2,
    identification: 0xffff,
    transport: tcpSegment(sequence, fin | psh | ack | ece | cwr, [...random.bytes(3001)], TIMESTAMPS),
  }),
  1000,
);
test(
  'TCP over IPv6 with CWR and a traffic class',
  cuts,
  ipPacket({
    ...v6,
    protocol: 6,
    trafficClass: 0xb9,
    transport: tcpSegment(sequence, psh | ack | cwr, [...random.bytes(2001)], TIMESTAMPS),
  }),
  667,
);
test(
  'TCP over IPv4 with IP options',
  cuts,
  ipPacket({ ...v4, protocol: 6, options: [1, 1, 1, 0], transport: tcpSegment(1, ack, [...random.bytes(2800)]) }),
  1399,
);
test(
  'TCP over IPv6 with destination options',
  cuts,
  ipPacket({
    ...v6,
    protocol: 6,
    firstExtension: 60,
    options: [6, 0, 1, 4, 0, 0, 0, 0],
    transport: tcpSegment(1, ack, [...random.bytes(2800)]),
  }),
  1300,
);
test(
  'a payload that divides evenly',
  cuts,
  ipPacket({ ...v4, protocol: 6, transport: tcpSegment(1, psh, [...random.bytes(4000)]) }),
  1000,
);
test('UDP over IPv4', cuts, ipPacket({ ...v4, protocol: 17, transport: udpDatagram([...random.bytes(3001)]) }), 1000);
test('UDP over IPv6', cuts, ipPacket({ ...v6, protocol: 17, transport: udpDatagram([...random.bytes(3003)]) }), 1001);
test(
  '128 UDP datagrams of 18 bytes',
  cuts,
  ipPacket({ ...v4, protocol: 17, transport: udpDatagram([...random.bytes(128 * 18)]) }),
  18,
);
test('64 KiB', cuts, ipPacket({ ...v4, protocol: 6, transport: tcpSegment(1, ack, [...random.bytes(65_000)]) }), 1398);
test(
  '1800 segments of 36 bytes',
  cuts,
  ipPacket({ ...v4, protocol: 6, transport: tcpSegment(1, ack, [...random.bytes(64_800)]) }),
  36,
);

for (let run = 0; run < 60; run++) {
  const isIpv4 = random.below(2) === 0;
  const isTcp = random.below(3) > 0;
  const payload = [...random.bytes(1 + random.below(6000))];
  const options = random.below(2) === 0 ? TIMESTAMPS : [];
  const transport = isTcp
    ? tcpSegment(random.below(2 ** 32), random.below(256), payload, options)
    : udpDatagram(payload);
  const packet = ipPacket({
    ...(isIpv4 ? v4 : v6),
    protocol: isTcp ? 6 : 17,
    identification: random.below(65_536),
    trafficClass: random.below(256),
    transport,
  });
  const gsoSize = 1 + Math.max(20, random.below(1350));
  const what = `${packet.length} bytes of ${isTcp ? 'TCP' : 'UDP'} over ${isIpv4 ? 'IPv4' : 'IPv6'} by ${gsoSize}`;
  if (payload.length > gsoSize) test(`${what}, run ${run} of seed ${SEED},`, cuts, packet, gsoSize);
}

test('a UDP checksum that comes out as 0 is sent as 0xffff', (t) => {
  // The payload is what the sum of everything else lacks to 0xffff.
  const first = ipPacket({ ...v4, protocol: 17, transport: udpDatagram([0, 0]) });
  const lacking = get16(first, checksumFieldAt(first));
  const packet = ipPacket({ ...v4, protocol: 17, transport: udpDatagram([...u16(lacking), ...u16(lacking)]) });
  makePartial(packet);
  t.is(pseudoSum(packet, 17, 12), get16(packet, 26));
  const sent = new OverlayNode('a').send(virtioHeader(5, 2, 20, 6), packet);
  t.deepEqual(
    sent.map((datagram) => get16(datagram.bytes, 22 + 26)),
    [0xffff, 0xffff],
  );
});
