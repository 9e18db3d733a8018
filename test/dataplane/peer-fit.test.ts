import test from 'ava';
import { ipPacket, makePartial, packetFault, tcpSegment, udpDatagram } from '../support/ip-packet.ts';
import { COALESCING, MTU, OverlayNode, PLAIN_VIRTIO, pod, residual, virtioHeader } from '../support/overlay-node.ts';

const v4 = { source: pod.a4, destination: pod.b4 } as const;
const v6 = { source: pod.a6, destination: pod.b6 } as const;
const filled = (length: number) => Array.from({ length }, (_, index) => (index * 7) & 0xff);
const TIMESTAMPS = [1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2];

const cutsSmaller = test.macro<[family: 4 | 6, mtuBytes: number, segments: number]>({
  exec: (t, family, mtuBytes, segments) => {
    const transport = tcpSegment(1, 0x18, filled(20_000), TIMESTAMPS);
    const packet = ipPacket({ ...(family === 4 ? v4 : v6), protocol: 6, transport });
    makePartial(packet);
    const start = family === 4 ? 20 : 40;
    const gsoType = family === 4 ? 1 : 4;
    const node = new OverlayNode('a', mtuBytes);
    const sent = node.send(virtioHeader(gsoType, MTU - start - 32, start, 16), packet);
    t.deepEqual(sent, new OverlayNode('a', MTU).send(virtioHeader(gsoType, mtuBytes - start - 32, start, 16), packet));
    t.is(sent.length, segments);
    t.is(sent[0]!.bytes.length, 22 + mtuBytes);
    t.deepEqual(new Set(sent.map(({ bytes }) => packetFault(bytes.subarray(22)))), new Set(['']));
    t.like(node.account().egress, { received: segments, originated: 0, sent: segments });
    t.deepEqual(node.takeErrors(), []);
  },
  title: (_, family, mtuBytes) => `TCP super-packets of IPv${family} are cut to the ${mtuBytes} bytes of the peer`,
});
test(cutsSmaller, 4, 1000, 22);
test(cutsSmaller, 4, 526, 43);
test(cutsSmaller, 6, 1300, 17);
test(cutsSmaller, 6, 1210, 18);

test('a TCP super-packet of one segment is cut as well', (t) => {
  const packet = ipPacket({ ...v4, protocol: 6, transport: tcpSegment(1, 0x18, filled(1300)) });
  makePartial(packet);
  const sent = new OverlayNode('a', 1000).send(virtioHeader(1, 1400, 20, 16), packet);
  t.deepEqual(
    sent.map(({ bytes }) => bytes.length - 22),
    [1000, 380],
  );
});

test('a TCP super-packet of too many segments for the path is dropped', (t) => {
  const packet = ipPacket({ ...v4, protocol: 6, transport: tcpSegment(1, 0x18, filled(60_000)) });
  makePartial(packet);
  const node = new OverlayNode('a', 60);
  t.deepEqual(node.send(virtioHeader(1, 1400, 20, 16), packet), []);
  t.deepEqual(node.drops('egress'), { 'too-many-segments': 43 });
  t.is(residual(node.account().egress), 0);
});

const datagram6 = (length: number) => ipPacket({ ...v6, protocol: 17, transport: udpDatagram(filled(length - 48)) });

const outer = test.macro<[lengthBytes: number, mtuBytes: number, outerFragmentBytes: number]>({
  exec: (t, lengthBytes, mtuBytes, outerFragmentBytes) => {
    const node = new OverlayNode('a', mtuBytes);
    const sent = node.send(PLAIN_VIRTIO, datagram6(lengthBytes));
    t.deepEqual(
      sent.map((one) => one.outerFragmentBytes),
      [outerFragmentBytes],
    );
    const account = node.account();
    t.like(account.egress, { received: 1, originated: 0, sent: 1 });
    t.is(account.outerFragmented, outerFragmentBytes > 0 ? 1 : 0);
  },
  title: (_, lengthBytes, mtuBytes, outerFragmentBytes) =>
    `${lengthBytes} bytes of IPv6 to a peer with ${mtuBytes}: outer fragments of up to ${outerFragmentBytes} bytes`,
});
test(outer, 1280, 1280, 0);
test(outer, 1280, 1279, 1329);
test(outer, 1280, 650, 700);
test(outer, 651, 650, 700);
test(outer, 650, 650, 0);

test('of a UDP super-packet of IPv6, those datagrams are fragmented that are too long', (t) => {
  const packet = ipPacket({ ...v6, protocol: 17, transport: udpDatagram(filled(2500)) });
  makePartial(packet);
  const sent = new OverlayNode('a', 1000).send(virtioHeader(5, 1200, 40, 6), packet);
  t.deepEqual(
    sent.map((one) => one.outerFragmentBytes),
    [1050, 1050, 0],
  );
});

test('without outer fragmentation, IPv6 below its minimum has a reason of its own', (t) => {
  const node = new OverlayNode('a', 1200, COALESCING, false);
  t.deepEqual(node.send(PLAIN_VIRTIO, datagram6(1280)), []);
  t.deepEqual(node.send(PLAIN_VIRTIO, datagram6(1281)), []);
  t.is(node.send(PLAIN_VIRTIO, datagram6(1200)).length, 1);
  t.deepEqual(node.drops('egress'), { 'overlay-below-ipv6-minimum': 1, 'packet-too-big': 1 });
  t.is(node.takeErrors().length, 1);
});

test('what is sent is counted per peer', (t) => {
  const node = new OverlayNode('a', 700);
  node.send(PLAIN_VIRTIO, ipPacket({ ...v4, protocol: 17, fragment: 0, transport: udpDatagram(filled(1000)) }));
  t.deepEqual(node.sentToPeer(), { packets: 2, bytes: 1048 });
});
