import test from 'ava';
import { DropReason, nameOf } from '../../src/dataplane/drop-reason.ts';
import { ENCAPSULATION_LENGTH } from '../../src/dataplane/encapsulation.ts';
import { Hook } from '../../src/dataplane/hook.ts';
import { Taps } from '../../src/dataplane/taps.ts';
import { get16, ipPacket, makePartial, put16, tcpSegment, udpDatagram } from '../support/ip-packet.ts';
import {
  MTU,
  OverlayNode,
  PEER,
  PLAIN_VIRTIO,
  encapsulated,
  joined,
  nodeAddress,
  pod,
  underlay,
  virtioHeader,
} from '../support/overlay-node.ts';
import { RelayingNode, number, podOf } from '../support/relaying-node.ts';
import { capture, takeRecords, type TapRecord } from '../support/tap-records.ts';

const payload = (length: number): number[] => Array.from({ length }, (_, index) => index & 0xff);
const fromA = { source: pod.a4, destination: pod.b4, protocol: 17 };
const udp = (lengthBytes = 100): Uint8Array => ipPacket({ ...fromA, transport: udpDatagram(payload(lengthBytes)) });
const hooksOf = (records: readonly TapRecord[]): string[] => records.map(({ hook }) => hook);
const wantsPort = (port: number) => (bytes: Uint8Array, at: number, lengthBytes: number) =>
  lengthBytes >= 24 && get16(bytes, at + 22) === port ? 1 : 0;

/** Segment `index` of a TCP stream, in its datagram. */
function segment(index: number, flags = 0x10): Uint8Array {
  const transport = tcpSegment(1 + index * 500, flags, payload(500));
  return encapsulated(ipPacket({ ...fromA, protocol: 6, transport, identification: 1 + index }));
}

/** What the TUN device gives for a TCP super-packet. */
function superPacket(segments: number, gsoSize: number): { virtio: Uint8Array; packet: Uint8Array } {
  const transport = tcpSegment(1, 0x10, payload(segments * gsoSize));
  const packet = ipPacket({ ...fromA, protocol: 6, transport });
  makePartial(packet);
  return { virtio: virtioHeader(1, gsoSize, 20, 16), packet };
}

test('a packet to a peer is seen at each hook of the way out, as it is there', (t) => {
  const node = new OverlayNode('a');
  const [ring] = capture(node.taps, {});
  const packet = udp();
  makePartial(packet);
  const virtio = virtioHeader(0, 0, 20, 6);
  const [sent] = node.send(virtio, packet.slice());
  const [fromPod, route, encapsulate, toUnderlay, ...none] = takeRecords(ring!);
  t.deepEqual(none, []);
  t.deepEqual(hooksOf([fromPod!, route!, encapsulate!, toUnderlay!]), [
    'from-pod',
    'route',
    'encapsulate',
    'to-underlay',
  ]);
  for (const record of [fromPod!, route!]) {
    t.is(record.form, 'virtio');
    t.deepEqual(record.bytes, joined([virtio, packet]));
    t.is(record.family, 0);
  }
  for (const record of [encapsulate!, toUnderlay!]) {
    t.is(record.form, 'datagram');
    t.deepEqual(record.bytes, sent!.bytes);
    t.is(record.family, 4);
    t.deepEqual([record.localAddress, record.remoteAddress], [underlay.a, underlay.b]);
    t.deepEqual([record.localPort, record.remotePort], [50_000 + sent!.socket, 4789]);
  }
  for (const record of [fromPod!, route!, encapsulate!, toUnderlay!]) {
    t.is(record.direction, 'egress');
    t.is(record.peer, PEER);
    t.is(record.reason, undefined);
    t.is(record.worker, 3);
    t.is(record.generation, 1);
    t.is(record.lengthBytes, record.bytes.length);
    t.is(record.segments, 1);
    t.is(record.captures, 1);
    t.is(record.seconds, 1000);
  }
  t.true(fromPod!.nanoseconds < route!.nanoseconds && encapsulate!.nanoseconds < toUnderlay!.nanoseconds);
});

test('what the kernel took has the time of before it was asked: by then, others may have seen it', (t) => {
  const node = new OverlayNode('a');
  const [ring] = capture(node.taps, { hooks: 1 << Hook.toUnderlay });
  node.send(PLAIN_VIRTIO, udp());
  node.taps.handOver();
  node.send(PLAIN_VIRTIO, udp());
  const [first, second] = takeRecords(ring!);
  // The clock of the test counts looks: one for each batch, none for each datagram.
  t.deepEqual([first!.nanoseconds, second!.nanoseconds], [0, 2]);
});

test('a datagram from a peer is seen at each hook of the way in', (t) => {
  const node = new OverlayNode('b');
  const [ring] = capture(node.taps, {});
  const datagram = encapsulated(udp());
  const [delivered] = node.receive(datagram, 0, underlay.a, 0xb8);
  const [fromUnderlay, decapsulate, toPod, ...none] = takeRecords(ring!);
  t.deepEqual(none, []);
  t.deepEqual(hooksOf([fromUnderlay!, decapsulate!, toPod!]), ['from-underlay', 'decapsulate', 'to-pod']);
  t.is(fromUnderlay!.form, 'datagram');
  t.deepEqual(fromUnderlay!.bytes, datagram);
  t.deepEqual([fromUnderlay!.family, fromUnderlay!.trafficClass], [4, 0xb8]);
  t.deepEqual(fromUnderlay!.remoteAddress, underlay.a);
  t.is(fromUnderlay!.localPort, 4789);
  t.is(decapsulate!.form, 'inner');
  t.deepEqual(decapsulate!.bytes, datagram.slice(ENCAPSULATION_LENGTH));
  t.is(toPod!.form, 'virtio');
  t.deepEqual(toPod!.bytes, joined([delivered!.virtio, delivered!.packet]));
  for (const record of [fromUnderlay!, decapsulate!, toPod!]) {
    t.is(record.direction, 'ingress');
    t.is(record.peer, PEER);
    t.is(record.segments, 1);
  }
});

test('what changes on the way is seen as it was before, and as it is after', (t) => {
  const node = new OverlayNode('a', 1000);
  const [ring] = capture(node.taps, {});
  // A SYN that announces an MSS of 1460.
  const transport = tcpSegment(1, 0x02, []);
  const withMss = [...transport.slice(0, 12), 0x60, ...transport.slice(13), 2, 4, 0x05, 0xb4];
  const packet = ipPacket({ ...fromA, protocol: 6, transport: withMss });
  node.send(PLAIN_VIRTIO, packet);
  const [fromPod, route] = takeRecords(ring!);
  t.deepEqual(fromPod!.bytes.slice(-2), Uint8Array.of(0x05, 0xb4));
  t.deepEqual(route!.bytes.slice(-2), Uint8Array.of(0x03, 0xc0));

  const other = new OverlayNode('b');
  const [received] = capture(other.taps, {});
  const marked = encapsulated(ipPacket({ ...fromA, transport: udpDatagram(payload(9)), trafficClass: 2 }));
  other.receive(marked, 0, underlay.a, 3);
  const [fromUnderlay, decapsulate] = takeRecords(received!);
  t.deepEqual(fromUnderlay!.bytes, marked);
  t.is(fromUnderlay!.bytes[ENCAPSULATION_LENGTH + 1], 2);
  t.is(decapsulate!.bytes[1], 3);
});

test('a super-packet is one record before it is cut, and one per datagram after', (t) => {
  const node = new OverlayNode('a');
  const [ring] = capture(node.taps, {});
  const { virtio, packet } = superPacket(5, 1400);
  const sent = node.send(virtio, packet);
  const records = takeRecords(ring!);
  t.deepEqual(hooksOf(records), [
    'from-pod',
    'route',
    ...sent.map(() => 'encapsulate'),
    ...sent.map(() => 'to-underlay'),
  ]);
  for (const record of records.slice(0, 2)) {
    t.deepEqual([record.segments, record.gsoSize, record.headerLength], [5, 1400, 40]);
    t.is(record.bytes.length, 10 + 40 + 5 * 1400);
  }
  records.slice(2, 7).forEach((record, index) => t.deepEqual(record.bytes, sent[index]!.bytes));
});

test('a super-packet that is cut smaller than the pod wished says so from the route on', (t) => {
  const node = new OverlayNode('a', 1000);
  const [ring] = capture(node.taps, {});
  const { virtio, packet } = superPacket(5, 1400);
  const sent = node.send(virtio, packet);
  const [fromPod, route] = takeRecords(ring!);
  t.deepEqual([fromPod!.segments, fromPod!.gsoSize], [5, 1400]);
  t.deepEqual([route!.segments, route!.gsoSize], [sent.length, 960]);
});

test('segments that are put together are one record for the pod', (t) => {
  const node = new OverlayNode('b');
  const [ring] = capture(node.taps, {});
  const length = segment(0).length;
  node.receive(joined([segment(0), segment(1), segment(2, 0x18)]), length);
  const records = takeRecords(ring!);
  const each = ['from-underlay', 'decapsulate'];
  t.deepEqual(hooksOf(records), [...each, ...each, ...each, 'to-pod']);
  const toPod = records.at(-1)!;
  t.deepEqual([toPod.segments, toPod.gsoSize, toPod.headerLength], [3, 500, 40]);
  t.is(toPod.bytes.length, 10 + 40 + 1500);
});

test('a packet that a filter wants takes those along with it that it is put together with', (t) => {
  const node = new OverlayNode('b');
  const [ring] = capture(node.taps, { filter: (bytes, at) => (bytes[at + 5] === 2 ? 1 : 0) });
  node.receive(joined([segment(0), segment(1), segment(2)]), segment(0).length);
  t.deepEqual(
    takeRecords(ring!).map(({ hook, segments }) => [hook, segments]),
    [
      ['from-underlay', 1],
      ['decapsulate', 1],
      ['to-pod', 3],
    ],
  );
});

test('a super-packet in a datagram is known for one where the datagram is first seen', (t) => {
  const node = new OverlayNode('b');
  const [ring] = capture(node.taps, { snaplenBytes: 1500 });
  const { packet } = superPacket(4, 1400);
  node.receive(encapsulated(packet));
  const records = takeRecords(ring!);
  t.deepEqual(hooksOf(records), ['from-underlay', 'decapsulate', 'to-pod']);
  const gsoSize = MTU - 40;
  for (const record of records) t.deepEqual([record.segments, record.gsoSize, record.headerLength], [4, gsoSize, 40]);
  t.deepEqual(
    records.map(({ form }) => form),
    ['datagram', 'virtio', 'virtio'],
  );
  t.is(records[0]!.bytes.length, ENCAPSULATION_LENGTH + packet.length);
});

test('a drop is seen with its reason, and with whatever there is', (t) => {
  const node = new OverlayNode('a');
  const [ring] = capture(node.taps, {});
  const packet = ipPacket({ ...fromA, destination: pod.c4, transport: udpDatagram(payload(20)) });
  node.send(PLAIN_VIRTIO, packet);
  const [fromPod, drop, ...none] = takeRecords(ring!);
  t.deepEqual(none, []);
  t.is(fromPod!.peer, 0);
  t.deepEqual([drop!.hook, drop!.reason, drop!.form, drop!.direction], ['drop', 'no-route', 'virtio', 'egress']);
  t.deepEqual(drop!.bytes, joined([PLAIN_VIRTIO, packet]));

  const other = new OverlayNode('b');
  const [received] = capture(other.taps, {});
  const datagram = encapsulated(udp());
  datagram[6] = 99;
  other.receive(datagram);
  const records = takeRecords(received!);
  t.deepEqual(hooksOf(records), ['from-underlay', 'drop']);
  t.deepEqual(
    [records[1]!.reason, records[1]!.form, records[1]!.direction],
    ['vxlan-wrong-vni', 'datagram', 'ingress'],
  );
  t.deepEqual(records[1]!.bytes, datagram);
  t.deepEqual(records[1]!.remoteAddress, underlay.a);
});

test('what could not be sent, or written, is seen as dropped', (t) => {
  const node = new OverlayNode('a');
  const [ring] = capture(node.taps, {});
  node.failure = DropReason.underlayUnreachable;
  node.send(PLAIN_VIRTIO, udp());
  const records = takeRecords(ring!);
  t.deepEqual(hooksOf(records), ['from-pod', 'route', 'encapsulate', 'drop']);
  t.deepEqual([records[3]!.reason, records[3]!.form], [nameOf(DropReason.underlayUnreachable), 'datagram']);

  const other = new OverlayNode('b');
  const [received] = capture(other.taps, {});
  other.failure = DropReason.tunDown;
  other.receive(encapsulated(udp()));
  const last = takeRecords(received!).at(-1)!;
  t.deepEqual([last.hook, last.reason, last.form, last.peer], ['drop', 'tun-down', 'virtio', PEER]);
});

test('what is passed on is seen at the relay, with the outer header that it leaves with', (t) => {
  const a = new RelayingNode('a', { mayRelay: ['b'], through: ['c'] });
  const b = new RelayingNode('b', { relays: true });
  const [ring] = capture(b.taps, {});
  const packet = ipPacket({ source: podOf('a'), destination: podOf('c'), protocol: 17, transport: udpDatagram([1]) });
  const [sent] = a.send(packet);
  b.receive('a', sent!.bytes);
  const [fromUnderlay, relay, ...none] = takeRecords(ring!);
  t.deepEqual(none, []);
  t.deepEqual([fromUnderlay!.hook, fromUnderlay!.peer], ['from-underlay', number.a]);
  t.deepEqual([relay!.hook, relay!.direction, relay!.peer], ['relay', 'ingress', number.c]);
  t.deepEqual([relay!.hopLimit, relay!.localPort >= 50_000], [63, true]);
  t.deepEqual(relay!.bytes, sent!.bytes);

  b.receive('a', sent!.bytes, 0, 0, 'EHOSTUNREACH');
  t.deepEqual(hooksOf(takeRecords(ring!)), ['from-underlay', 'drop']);
});

test('a probe is seen leaving, and coming in as far as it goes', (t) => {
  const a = new RelayingNode('a');
  const b = new RelayingNode('b');
  const [left] = capture(a.taps, {});
  const [came] = capture(b.taps, {});
  a.orders.put(number.b, 1000, 1, 0);
  const [probe] = a.transmitProbes();
  b.receive('a', probe!.bytes);
  const sent = takeRecords(left!);
  t.deepEqual(hooksOf(sent), ['encapsulate', 'to-underlay']);
  t.deepEqual(sent[1]!.bytes, probe!.bytes);
  t.deepEqual(hooksOf(takeRecords(came!)), ['from-underlay', 'decapsulate']);
});

test('an error that a pod is told is seen on its way to the pod', (t) => {
  const node = new OverlayNode('a', 600);
  const [ring] = capture(node.taps, { hooks: 1 << Hook.toPod });
  node.send(PLAIN_VIRTIO, udp(1000));
  const [error] = node.takeErrors();
  const [toPod, ...none] = takeRecords(ring!);
  t.deepEqual(none, []);
  t.deepEqual(toPod!.bytes.slice(10), error);
  t.deepEqual([toPod!.direction, toPod!.peer], ['egress', 0]);
  t.deepEqual(toPod!.bytes.slice(22, 26), Uint8Array.from(nodeAddress.a4));
});

test('a capture sees what its filter wants, and that alone', (t) => {
  const node = new OverlayNode('a');
  const [all, wanted, none] = capture(node.taps, {}, { filter: wantsPort(4242) }, { filter: () => 0 });
  const packet = udp();
  put16(packet, 22, 4242);
  node.send(PLAIN_VIRTIO, udp());
  node.send(PLAIN_VIRTIO, packet);
  t.is(takeRecords(all!).length, 8);
  t.is(takeRecords(wanted!).length, 4);
  t.is(takeRecords(none!).length, 0);
});

test('of a super-packet, another filter is asked', (t) => {
  const node = new OverlayNode('a');
  const [yes, no] = capture(
    node.taps,
    { filter: () => 0, superFilter: () => 1 },
    { filter: () => 1, superFilter: () => 0 },
  );
  const { virtio, packet } = superPacket(3, 1000);
  node.send(virtio, packet);
  t.is(takeRecords(yes!).length, 8);
  t.is(takeRecords(no!).length, 0);
});

test('a datagram without an inner packet is for captures without a filter', (t) => {
  const node = new OverlayNode('b');
  const [all, filtered] = capture(node.taps, {}, { filter: () => 1 });
  node.receive(Uint8Array.of(8, 0, 0));
  t.deepEqual(hooksOf(takeRecords(all!)), ['from-underlay', 'drop']);
  t.deepEqual(takeRecords(filtered!), []);
});

test('a capture sees the hooks that it wants, and no others', (t) => {
  const node = new OverlayNode('a');
  const [ring, other] = capture(
    node.taps,
    { hooks: (1 << Hook.route) | (1 << Hook.toUnderlay) },
    { hooks: 1 << Hook.toPod },
  );
  node.send(PLAIN_VIRTIO, udp());
  t.deepEqual(hooksOf(takeRecords(ring!)), ['route', 'to-underlay']);
  t.deepEqual(takeRecords(other!), []);
});

test('no more is kept than a capture wants', (t) => {
  const node = new OverlayNode('a');
  const [ring] = capture(node.taps, { snaplenBytes: 40 });
  node.send(PLAIN_VIRTIO, udp());
  for (const record of takeRecords(ring!)) {
    const before = record.form === 'virtio' ? 10 : ENCAPSULATION_LENGTH;
    t.is(record.bytes.length, before + 40);
    t.is(record.lengthBytes, before + 128);
  }
});

test('of a super-packet all is kept if its segments are short enough, and else its beginning', (t) => {
  const node = new OverlayNode('a');
  const hooks = 1 << Hook.fromPod;
  const [whole, cut] = capture(node.taps, { hooks, snaplenBytes: 1040 }, { hooks, snaplenBytes: 1039 });
  const { virtio, packet } = superPacket(3, 1000);
  node.send(virtio, packet);
  t.is(takeRecords(whole!)[0]!.bytes.length, 10 + 40 + 3000);
  t.is(takeRecords(cut!)[0]!.bytes.length, 10 + 1039);
});

test('packets of before and after a capture are not in it', (t) => {
  const node = new OverlayNode('a');
  node.send(PLAIN_VIRTIO, udp());
  const [ring] = capture(node.taps, {});
  node.send(PLAIN_VIRTIO, udp());
  node.taps.setCaptures([]);
  node.send(PLAIN_VIRTIO, udp());
  t.is(takeRecords(ring!).length, 4);
  t.false(node.taps.egress || node.taps.ingress);
});

test('records that find no room are counted, and the next one says how many', (t) => {
  const node = new OverlayNode('a');
  const [ring] = capture(node.taps, { hooks: 1 << Hook.fromPod });
  for (let sent = 0; sent < 5000; sent++) node.send(PLAIN_VIRTIO, udp(200));
  const records = takeRecords(ring!);
  t.is(records.length + ring!.lost, 5000);
  t.true(ring!.lost > 0);
  t.is(records.at(-1)!.lost, 0);
  node.send(PLAIN_VIRTIO, udp());
  t.is(takeRecords(ring!)[0]!.lost, ring!.lost);
});

test('datagrams leave from where the worker has moved to', (t) => {
  const node = new OverlayNode('a');
  const [ring] = capture(node.taps, { hooks: 1 << Hook.toUnderlay });
  const address = Uint8Array.of(198, 18, 0, 99);
  const sendingPorts = Array.from({ length: 16 }, () => 60_000);
  node.taps.moveTo({ family: 4, address, receivingPort: 4789, sendingPorts });
  node.send(PLAIN_VIRTIO, udp());
  const [record] = takeRecords(ring!);
  t.deepEqual([record!.localAddress, record!.localPort], [address, 60_000]);
});

test('two captures in one slot are refused', (t) => {
  const { taps } = new OverlayNode('a');
  const [one] = [
    { slot: 1, hooks: 0, filter: undefined, superFilter: undefined, snaplenBytes: 0, ring: undefined as never },
  ];
  t.throws(() => taps.setCaptures([one, one]), { instanceOf: RangeError });
  t.throws(() => taps.setCaptures([{ ...one, slot: 8 }]), { instanceOf: RangeError });
  t.true(taps instanceof Taps);
});
