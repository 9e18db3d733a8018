import test from 'ava';
import { packetId } from '../../src/capture/packet-id.ts';
import { TappedPackets } from '../../src/capture/tapped-packets.ts';
import { TapHeader } from '../../src/capture/tap-reader.ts';
import { DropReason } from '../../src/dataplane/drop-reason.ts';
import { Hook } from '../../src/dataplane/hook.ts';
import { TapForm } from '../../src/dataplane/tap-record.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';
import {
  checksumFieldAt,
  get16,
  ipPacket,
  makePartial,
  packetFault,
  pseudoSum,
  put16,
  tcpSegment,
  transportOf,
  u16,
  udpDatagram,
} from '../support/ip-packet.ts';
import { mutated } from '../support/mutation.ts';
import { packetsOf, recordOf, type RecordFields } from '../support/tap-record-bytes.ts';

const SEED = Number(process.env['SEED'] ?? 1);
const v4 = { source: [10, 1, 0, 2], destination: [10, 2, 0, 3] } as const;
const v6 = {
  source: [0xfd, 0, ...Array.from({ length: 13 }, () => 0), 1],
  destination: [0xfd, 0, ...Array.from({ length: 13 }, () => 0), 2],
} as const;
const CWR = 0x80;
const ACK = 0x10;
const PSH = 0x08;
const FIN = 0x01;
const timestamps = [1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2];

const filled = (length: number) => Array.from({ length }, (_, index) => (index * 31 + (index >> 8)) & 0xff);
const tcpOf = (addresses: typeof v4 | typeof v6, length: number, flags = ACK) =>
  ipPacket({ ...addresses, protocol: 6, transport: tcpSegment(4_294_967_000, flags, filled(length), timestamps) });
const udpOf = (addresses: typeof v4 | typeof v6, length: number) =>
  ipPacket({ ...addresses, protocol: 17, transport: udpDatagram(filled(length)) });

function partial(packet: Uint8Array): Uint8Array {
  const copy = Uint8Array.from(packet);
  makePartial(copy);
  return copy;
}

const le = (value: number) => [value & 0xff, value >> 8];

/** A virtio-net header and a packet whose checksum is left to do. */
function virtio(packet: Uint8Array, gsoType = 0, gsoSize = 0): Uint8Array {
  const { protocol, at } = transportOf(packet);
  const offset = protocol === 6 ? 16 : 6;
  return Uint8Array.from([1, gsoType, 0, 0, ...le(gsoSize), ...le(at), ...le(offset), ...packet]);
}

/** VXLAN and Ethernet header, and a packet. `start`: Remote Checksum Offload, as the kernel writes it. */
function datagram(packet: Uint8Array, start?: number): Uint8Array {
  const rco = start === undefined ? [0, 0] : [0x20, start];
  const etherType = packet[0]! >> 4 === 4 ? [0x08, 0] : [0x86, 0xdd];
  const macs = [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1];
  return Uint8Array.from([0x08, rco[0]!, 0, 0, 0, 0, 42, rco[1]!, ...macs, ...etherType, ...packet]);
}

const cuts = test.macro({
  exec(t, packet: Uint8Array, headerLength: number, gsoType: number, gsoSize: number) {
    const made = packetsOf(recordOf(TapForm.virtio, virtio(partial(packet), gsoType, gsoSize), { gsoSize }));
    const count = Math.ceil((packet.length - headerLength) / gsoSize);
    t.deepEqual(
      made.map(({ segment }) => segment),
      Array.from({ length: count }, (_, index) => `${index + 1}/${count}`),
    );
    t.deepEqual(
      made.map(({ bytes }) => packetFault(bytes)),
      made.map(() => ''),
    );
    t.deepEqual(
      made.flatMap(({ bytes }) => [...bytes.subarray(headerLength)]),
      [...packet.subarray(headerLength)],
    );
    t.true(made.every(({ bytes, lengthBytes }) => bytes.length === lengthBytes));
    t.true(made.every(({ checksum }) => checksum === 'completed'));
  },
  title: (what) => `cuts ${what} into segments that are right`,
});

test('a TCP super-packet', cuts, tcpOf(v4, 5000), 52, 1, 1448);
test('a TCP super-packet over IPv6', cuts, tcpOf(v6, 5000), 72, 4, 1428);
test('a UDP super-packet', cuts, udpOf(v4, 4000), 28, 5, 1000);
test('a UDP super-packet over IPv6', cuts, udpOf(v6, 3001), 48, 5, 1000);
test('a super-packet of two bytes', cuts, tcpOf(v4, 2), 52, 1, 1);
test('a super-packet of the largest size', cuts, tcpOf(v4, 65_535 - 52), 52, 1, 1448);

test('the segments of a TCP stream have what tells them apart', (t) => {
  const packet = tcpOf(v4, 300, ACK | PSH | FIN | CWR);
  const made = packetsOf(recordOf(TapForm.virtio, virtio(partial(packet), 1, 100), { gsoSize: 100 }));
  t.deepEqual(
    made.map(({ bytes }) => get16(bytes, 4)),
    [0x1234, 0x1235, 0x1236],
  );
  t.deepEqual(
    made.map(({ bytes }) => new DataView(bytes.buffer).getUint32(24)),
    [4_294_967_000, 4_294_967_100, 4_294_967_200],
  );
  t.deepEqual(
    made.map(({ bytes }) => bytes[33]),
    [ACK | CWR, ACK, ACK | PSH | FIN],
  );
});

test('a packet whose checksum was left to do gets it', (t) => {
  const packet = udpOf(v6, 77);
  const [made] = packetsOf(recordOf(TapForm.virtio, virtio(partial(packet))));
  t.deepEqual(made!.bytes, packet);
  t.is(made!.checksum, 'completed');
});

test('a packet whose checksum is complete is left alone, be it right or wrong', (t) => {
  const packet = tcpOf(v4, 77);
  packet[checksumFieldAt(packet)]! ^= 1;
  const none = Uint8Array.from([...Array.from({ length: 10 }, () => 0), ...packet]);
  for (const record of [recordOf(TapForm.virtio, none), recordOf(TapForm.inner, packet)]) {
    const [made] = packetsOf(record);
    t.deepEqual(made!.bytes, packet);
    t.is(made!.checksum, 'as-is');
  }
});

const summedToZero = test.macro({
  exec(t, packet: Uint8Array, payloadAt: number, expected: number) {
    const field = checksumFieldAt(packet);
    // Payload that makes up for everything else.
    put16(packet, payloadAt, (get16(packet, payloadAt) + get16(packet, field)) % 0xffff);
    for (const record of [
      recordOf(TapForm.virtio, virtio(partial(packet))),
      recordOf(TapForm.datagram, datagram(partial(packet))),
    ]) {
      const [made] = packetsOf(record);
      t.is(get16(made!.inner, field), expected);
      t.is(packetFault(made!.inner), '');
    }
  },
  title: (what) => `a checksum that comes out as zero is written ${what}`,
});

test('as ones in UDP, where zero means none', summedToZero, udpOf(v4, 2), 28, 0xffff);
test('as zero in TCP, where ones would pass for wrong', summedToZero, tcpOf(v4, 2), 52, 0);

const undoes = test.macro({
  exec(t, packet: Uint8Array, start: number | undefined, expected: 'completed' | 'as-is') {
    const record = recordOf(TapForm.datagram, datagram(partial(packet), start));
    const [made] = packetsOf(record);
    t.deepEqual(made!.inner, packet);
    t.deepEqual([...made!.bytes.subarray(28, 36)], [0x08, 0, 0, 0, 0, 0, 42, 0]);
    t.is(packetFault(made!.bytes), '');
    t.is(made!.checksum, expected);
  },
  title: (what) => `completes the inner checksum of ${what}`,
});

test('TCP with Remote Checksum Offload', undoes, tcpOf(v4, 500), 0x11, 'completed');
test('UDP with Remote Checksum Offload', undoes, udpOf(v4, 500), 0x91, 'completed');
test('TCP over IPv6 with Remote Checksum Offload', undoes, tcpOf(v6, 500), 0x1b, 'completed');
test('UDP over IPv6 with Remote Checksum Offload', undoes, udpOf(v6, 501), 0x9b, 'completed');
test('a kernel device that does not say that it is partial', undoes, tcpOf(v4, 500), undefined, 'completed');

test('the inner checksum of a datagram is left alone if it is complete', (t) => {
  const packet = tcpOf(v4, 500);
  const [right] = packetsOf(recordOf(TapForm.datagram, datagram(packet)));
  t.deepEqual(right!.inner, packet);
  t.is(right!.checksum, 'as-is');
  put16(packet, checksumFieldAt(packet), 0xabcd);
  const [wrong] = packetsOf(recordOf(TapForm.datagram, datagram(packet)));
  t.deepEqual(wrong!.inner, packet);
});

test('a complete checksum that looks partial is told by the sum', (t) => {
  const packet = tcpOf(v4, 100);
  const field = checksumFieldAt(packet);
  const pseudo = get16(partial(packet), field);
  // What the checksum field loses, the payload gains.
  const before = get16(packet, field);
  const payload = get16(packet, 52) + before - pseudo;
  put16(packet, field, pseudo);
  put16(packet, 52, payload < 0 ? payload + 0xffff : payload % 0xffff);
  t.is(packetFault(packet), '');
  const [made] = packetsOf(recordOf(TapForm.datagram, datagram(packet)));
  t.deepEqual(made!.inner, packet);
  t.is(made!.checksum, 'as-is');
});

test('an inner super-packet of a kernel device is cut, each segment in a datagram of its own', (t) => {
  const packet = tcpOf(v4, 3000);
  const record = recordOf(TapForm.datagram, datagram(partial(packet)), { direction: 1, gsoSize: 1400 });
  const made = packetsOf(record);
  t.is(made.length, 3);
  for (const { bytes, inner } of made) {
    t.is(packetFault(bytes), '');
    t.is(packetFault(inner), '');
    t.deepEqual([...bytes.subarray(28, 36)], [0x08, 0, 0, 0, 0, 0, 42, 0]);
  }
});

const outer = test.macro({
  exec(t, fields: RecordFields, from: readonly number[], to: readonly number[], ports: readonly [number, number]) {
    const [made] = packetsOf(recordOf(TapForm.datagram, datagram(tcpOf(v4, 9)), { trafficClass: 0xb9, ...fields }));
    const { bytes } = made!;
    const is6 = from.length === 16;
    const udpAt = is6 ? 40 : 20;
    t.is(packetFault(bytes), '');
    t.deepEqual([...bytes.subarray(is6 ? 8 : 12, udpAt)], [...from, ...to]);
    t.deepEqual([get16(bytes, udpAt), get16(bytes, udpAt + 2)], [...ports]);
    t.is(is6 ? (get16(bytes, 0) >> 4) & 0xff : bytes[1], 0xb9);
    t.is(is6 ? bytes[7] : bytes[8], fields.hopLimit ?? 64);
    if (!is6) t.is(get16(bytes, 6), 0x4000);
    t.not(get16(bytes, udpAt + 6), 0);
  },
  title: (what) => `puts a header around ${what}`,
});

const here = [198, 18, 0, 1];
const there = [198, 18, 0, 2];
test('what leaves', outer, {}, here, there, [50_000, 4789]);
test(
  'what leaves over IPv6',
  outer,
  { localAddress: v6.source, remoteAddress: v6.destination },
  v6.source,
  v6.destination,
  [50_000, 4789],
);
test(
  'what came in',
  outer,
  { direction: 1, hook: Hook.fromUnderlay, localPort: 4789, remotePort: 61_000 },
  there,
  here,
  [61_000, 4789],
);
test('what is relayed', outer, { direction: 1, hook: Hook.relay, hopLimit: 63 }, here, there, [50_000, 4789]);
test(
  'what came in and was dropped',
  outer,
  { direction: 1, hook: Hook.drop, reason: DropReason.innerWrongMac, localPort: 4789, remotePort: 61_000 },
  there,
  here,
  [61_000, 4789],
);
test(
  'what was to be relayed and could not be sent',
  outer,
  { direction: 1, hook: Hook.drop, reason: DropReason.relaySendFailed },
  here,
  there,
  [50_000, 4789],
);

test('a datagram with nothing in it is shown as it is', (t) => {
  const [made] = packetsOf(recordOf(TapForm.datagram, [1, 2, 3], { direction: 1 }));
  t.is(made!.bytes.length, 31);
  t.is(made!.innerLengthBytes, 0);
  t.is(packetFault(made!.bytes), '');
  t.deepEqual([...made!.bytes.subarray(28)], [1, 2, 3]);
});

test('a frame that is not IP is part of its datagram, and no inner packet', (t) => {
  const arp = datagram(tcpOf(v4, 9)).fill(0x08, 20, 21).fill(0x06, 21, 22);
  const [made] = packetsOf(recordOf(TapForm.datagram, arp, { direction: 1 }));
  t.is(made!.innerLengthBytes, 0);
  t.deepEqual(made!.bytes.subarray(28), arp);
});

test('padding behind a short packet stays in the datagram', (t) => {
  const packet = udpOf(v4, 1);
  const padded = Uint8Array.from([...datagram(partial(packet), 0x91), 7, 7, 7]);
  const [made] = packetsOf(recordOf(TapForm.datagram, padded, { direction: 1 }));
  t.deepEqual(made!.inner, packet);
  t.is(packetFault(made!.bytes), '');
  t.deepEqual([...made!.bytes.subarray(-3)], [7, 7, 7]);
});

test('what is cut says how long it was, and that nobody knows the checksum', (t) => {
  const packet = tcpOf(v4, 1000);
  const [single] = packetsOf(recordOf(TapForm.virtio, virtio(partial(packet)), { keptBytes: 110 }));
  t.is(single!.lengthBytes, packet.length);
  t.deepEqual(single!.bytes, partial(packet).subarray(0, 100));
  t.is(single!.checksum, 'unverified');

  const inDatagram = recordOf(TapForm.datagram, datagram(partial(packet), 0x11), { keptBytes: 122 });
  const [made] = packetsOf(inDatagram);
  t.is(made!.lengthBytes, packet.length + 50);
  t.is(made!.bytes.length, 150);
  t.is(made!.checksum, 'unverified');
  t.is(get16(made!.bytes, 26), pseudoSum(made!.bytes, 17, packet.length + 30), 'nor that of the outer header');
  t.is(made!.bytes[29], 0x20, 'the flag stays, because the checksum does');
});

test('of a super-packet that was cut, every segment has at least its headers', (t) => {
  const packet = tcpOf(v4, 1000);
  const fields = { gsoSize: 400, keptBytes: 10 + 52 + 500 };
  const made = packetsOf(recordOf(TapForm.virtio, virtio(partial(packet), 1, 400), fields));
  t.deepEqual(
    made.map(({ bytes, lengthBytes, checksum }) => [bytes.length, lengthBytes, checksum]),
    [
      [452, 452, 'completed'],
      [152, 452, 'unverified'],
      [52, 252, 'unverified'],
    ],
  );
  t.is(packetFault(made[0]!.bytes), '');
  const whole = packetsOf(recordOf(TapForm.virtio, virtio(partial(packet), 1, 400), { gsoSize: 400 }));
  t.deepEqual(
    made.map(({ bytes, lengthBytes }) => packetId(bytes, 0, lengthBytes, bytes.length)),
    whole.map(({ bytes }) => packetId(bytes, 0, bytes.length)),
  );
});

test('a super-packet of which not even the headers are there stays one', (t) => {
  const record = recordOf(TapForm.virtio, virtio(tcpOf(v4, 1000), 1, 400), { gsoSize: 400, keptBytes: 40 });
  t.deepEqual(
    packetsOf(record).map(({ segment, lengthBytes }) => [segment, lengthBytes]),
    [['1/1', 1052]],
  );
});

test(`whatever a record holds, its packets stay within it (SEED=${SEED})`, (t) => {
  const random = new SeededRandom(SEED);
  const originals = [tcpOf(v4, 900), tcpOf(v6, 900), udpOf(v4, 300), udpOf(v6, 300)];
  const maker = new TappedPackets();
  const header = new TapHeader();
  for (let run = 0; run < 30_000; run++) {
    const packet = random.pick(originals);
    const form = random.pick([TapForm.virtio, TapForm.inner, TapForm.datagram]);
    const gsoSize = random.pick([0, 1, 100, random.below(65_536)]);
    const inDatagram = datagram(packet, 17);
    const whole = form === TapForm.virtio ? virtio(packet, 1, gsoSize) : form === TapForm.inner ? packet : inDatagram;
    const body = mutated(random, whole);
    const keptBytes = random.happens(0.3) ? random.below(body.length + 1) : body.length;
    const record = recordOf(form, body, { gsoSize, keptBytes, direction: random.pick([0, 1]) });
    header.read(record, 0);
    maker.begin(record, header);
    while (maker.next()) {
      const { at, lengthBytes, capturedBytes, innerAt, innerLengthBytes, innerCapturedBytes, bytes } = maker;
      const isSound =
        capturedBytes >= 0 &&
        capturedBytes <= lengthBytes &&
        at >= 0 &&
        at + capturedBytes <= bytes.length &&
        innerCapturedBytes <= innerLengthBytes &&
        (innerAt === -1 || (innerAt >= at && innerAt + innerCapturedBytes <= at + capturedBytes));
      if (!isSound) t.fail(`run ${run}: ${u16(at).toString()} ${capturedBytes} of ${lengthBytes}`);
      packetId(bytes, Math.max(0, innerAt), innerLengthBytes, innerCapturedBytes);
    }
  }
  t.pass();
});
