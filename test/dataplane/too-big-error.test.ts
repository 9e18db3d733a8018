import test from 'ava';
import {
  echoRequest,
  ipPacket,
  makePartial,
  packetFault,
  put16,
  slowSum,
  tcpSegment,
  u16,
  udpDatagram,
} from '../support/ip-packet.ts';
import { OverlayNode, PLAIN_VIRTIO, nodeAddress, pod, residual, virtioHeader } from '../support/overlay-node.ts';

const v4 = { source: pod.a4, destination: pod.b4 } as const;
const v6 = { source: pod.a6, destination: pod.b6 } as const;
const filled = (length: number) => Array.from({ length }, (_, index) => (index * 7) & 0xff);

/** What a router would say (RFC 792, RFC 1191), octet by octet. */
function fragmentationNeeded(quote: Uint8Array, mtuBytes: number): Uint8Array {
  const message = Uint8Array.from([3, 4, 0, 0, 0, 0, ...u16(mtuBytes), ...quote]);
  put16(message, 2, ~slowSum([...message]) & 0xffff);
  const length = 20 + message.length;
  const header = Uint8Array.from([
    0x45,
    0xc0,
    ...u16(length),
    0,
    0,
    0x40,
    0,
    64,
    1,
    0,
    0,
    ...nodeAddress.a4,
    ...pod.a4,
  ]);
  put16(header, 10, ~slowSum([...header]) & 0xffff);
  return Uint8Array.from([...header, ...message]);
}

/** What a router would say (RFC 4443, section 3.2), octet by octet. */
function packetTooBig(quote: Uint8Array, mtuBytes: number): Uint8Array {
  const message = Uint8Array.from([2, 0, 0, 0, 0, 0, ...u16(mtuBytes), ...quote]);
  const pseudoHeader = [...nodeAddress.a6, ...pod.a6, 0, 0, ...u16(message.length), 0, 0, 0, 58];
  put16(message, 2, ~slowSum([...pseudoHeader, ...message]) & 0xffff);
  const header = [0x60, 0, 0, 0, ...u16(message.length), 58, 64, ...nodeAddress.a6, ...pod.a6];
  return Uint8Array.from([...header, ...message]);
}

const answers = test.macro<[packet: Uint8Array, mtuBytes: number, error: Uint8Array]>({
  exec: (t, packet, mtuBytes, expected) => {
    const node = new OverlayNode('a', mtuBytes);
    t.deepEqual(node.send(PLAIN_VIRTIO, packet), []);
    t.deepEqual(node.drops('egress'), { 'packet-too-big': 1 });
    t.is(node.account().egress.queued, 1);
    const errors = node.takeErrors();
    t.deepEqual(errors, [expected]);
    t.is(packetFault(errors[0]!), '');
    const account = node.account().egress;
    t.like(account, { received: 1, originated: 1, sent: 0, delivered: 1, queued: 0, forwardedBytes: expected.length });
    t.is(residual(account), 0);
  },
  title: (name, _packet, mtuBytes) => `the sender of ${name} is told that ${mtuBytes} bytes would do`,
});

const long4 = ipPacket({ ...v4, protocol: 17, transport: udpDatagram(filled(1400)) });
const short4 = ipPacket({ ...v4, protocol: 6, transport: tcpSegment(1, 16, filled(400)) });
const long6 = ipPacket({ ...v6, protocol: 17, transport: udpDatagram(filled(1390)) });
test(
  'a long packet, which is quoted up to 576 bytes in all',
  answers,
  long4,
  1300,
  fragmentationNeeded(long4.subarray(0, 548), 1300),
);
test('a short packet, which is quoted as a whole', answers, short4, 400, fragmentationNeeded(short4, 400));
test(
  'an IPv6 packet, which is quoted up to 1280 bytes in all',
  answers,
  long6,
  1400,
  packetTooBig(long6.subarray(0, 1232), 1400),
);

test('an IPv6 sender is never told less than 1280', (t) => {
  const node = new OverlayNode('a', 700);
  t.deepEqual(node.send(PLAIN_VIRTIO, long6), []);
  t.deepEqual(node.takeErrors(), [packetTooBig(long6.subarray(0, 1232), 1280)]);
});

const quotes = test.macro<[family: 4 | 6]>({
  exec: (t, family) => {
    const addresses = family === 4 ? v4 : v6;
    const packet = ipPacket({ ...addresses, protocol: 17, transport: udpDatagram(filled(4000)) });
    makePartial(packet);
    const ipHeaderLength = family === 4 ? 20 : 40;
    const node = new OverlayNode('a', 1300);
    t.deepEqual(node.send(virtioHeader(5, 1320, ipHeaderLength, 6), packet), []);
    const [error] = node.takeErrors();
    t.is(packetFault(error!), '');
    const first = ipPacket({ ...addresses, protocol: 17, transport: udpDatagram(filled(1320)) });
    const quote = error!.subarray(ipHeaderLength + 8);
    // All but the checksum, which the sender never made.
    t.deepEqual(quote.subarray(0, ipHeaderLength + 6), first.subarray(0, ipHeaderLength + 6));
    t.deepEqual(quote.subarray(ipHeaderLength + 8), first.subarray(ipHeaderLength + 8, quote.length));
    t.like(node.account().egress, { received: 4, originated: 1, delivered: 1 });
  },
  title: (_, family) => `of a super-packet of IPv${family}, the first datagram is quoted`,
});
test(quotes, 4);
test(quotes, 6);

const isNotAnswered = test.macro<[packet: Uint8Array]>({
  exec: (t, packet) => {
    const node = new OverlayNode('a', 100);
    t.deepEqual(node.send(PLAIN_VIRTIO, packet), []);
    t.deepEqual(node.drops('egress'), { 'packet-too-big': 1 });
    t.deepEqual(node.takeErrors(), []);
    t.is(residual(node.account().egress), 0);
    t.is(node.account().icmpErrorsSuppressed, 0);
  },
  title: (name) => `${name} is dropped without an answer`,
});
const icmp = (type: number) => [type, 0, 0, 0, 0, 0, 0, 0, ...filled(1390)];
test('ICMP "destination unreachable"', isNotAnswered, ipPacket({ ...v4, protocol: 1, transport: icmp(3) }));
test('an ICMP redirect', isNotAnswered, ipPacket({ ...v4, protocol: 1, transport: icmp(5) }));
test('ICMPv6 "packet too big"', isNotAnswered, ipPacket({ ...v6, protocol: 58, transport: icmp(2) }));
test('an ICMPv6 redirect', isNotAnswered, ipPacket({ ...v6, protocol: 58, transport: icmp(137) }));
test(
  'a fragment beyond the first',
  isNotAnswered,
  ipPacket({ ...v4, protocol: 17, fragment: 0x4001, transport: filled(400) }),
);
test(
  'an IPv6 fragment beyond the first',
  isNotAnswered,
  ipPacket({ ...v6, protocol: 44, transport: [17, 0, 0, 9, 0, 0, 0, 9, ...filled(1392)] }),
);

const isAnswered = test.macro<[packet: Uint8Array]>({
  exec: (t, packet) => {
    const node = new OverlayNode('a', 100);
    node.send(PLAIN_VIRTIO, packet);
    t.is(node.takeErrors().length, 1);
  },
  title: (name) => `${name} is answered`,
});
test('an echo request', isAnswered, ipPacket({ ...v4, protocol: 1, transport: echoRequest(4, filled(400)) }));
test('an ICMPv6 echo request', isAnswered, ipPacket({ ...v6, protocol: 58, transport: echoRequest(6, filled(1400)) }));
test('a first fragment', isAnswered, ipPacket({ ...v4, protocol: 17, fragment: 0x6000, transport: filled(400) }));
test(
  'a first IPv6 fragment',
  isAnswered,
  ipPacket({ ...v6, protocol: 44, transport: [17, 0, 0, 1, 0, 0, 0, 9, ...filled(1392)] }),
);

test('errors are limited to a burst and a rate, and those that are not sent are counted', (t) => {
  const node = new OverlayNode('a', 1000);
  const send = (count: number) => {
    for (let sent = 0; sent < count; sent++) node.send(PLAIN_VIRTIO, long4);
    return node.takeErrors().length;
  };
  node.errors.beginTurn(1_000_000);
  t.is(send(60), 50);
  t.is(send(5), 0);
  node.errors.beginTurn(1_000_003);
  t.is(send(5), 3);
  node.errors.beginTurn(1_060_000);
  t.is(send(60), 50);
  t.is(node.account().icmpErrorsSuppressed, 10 + 5 + 2 + 10);
  t.deepEqual(node.drops('egress'), { 'packet-too-big': 130 });
  t.is(residual(node.account().egress), 0);
});

test('an error that cannot be written is dropped for a reason of its own', (t) => {
  const node = new OverlayNode('a', 1000);
  node.send(PLAIN_VIRTIO, long4);
  node.errors.failed(0);
  node.errors.clear();
  t.deepEqual(node.drops('egress'), { 'packet-too-big': 1, 'icmp-error-undelivered': 1 });
  t.is(residual(node.account().egress), 0);
});
