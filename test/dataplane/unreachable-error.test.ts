import test from 'ava';
import {
  echoRequest,
  ipPacket,
  makePartial,
  packetFault,
  type PacketParts,
  put16,
  tcpSegment,
  udpDatagram,
} from '../support/ip-packet.ts';
import { OverlayNode, PLAIN_VIRTIO, nodeAddress, pod, residual, virtioHeader } from '../support/overlay-node.ts';

const nobody6 = [...pod.b6.slice(0, 7), 9, ...pod.b6.slice(8)];
const outside6 = [0x20, 0x01, 0x0d, 0xb8, ...pod.b6.slice(4)];
const outside4 = [198, 51, 100, 7];
const udp = { protocol: 17, transport: udpDatagram([1, 2, 3]) } as const;
const to4 = { source: pod.a4, destination: pod.c4, ...udp } as const;
const to6 = { source: pod.a6, destination: nobody6, ...udp } as const;

const answers = test.macro<[PacketParts, reason: string, type: number, code: number]>({
  exec: (t, parts, reason, type, code) => {
    const node = new OverlayNode('a');
    const packet = ipPacket(parts);
    t.deepEqual(node.send(PLAIN_VIRTIO, packet), []);
    t.deepEqual(node.drops('egress'), { [reason]: 1 });
    const [error, ...others] = node.takeErrors();
    t.deepEqual(others, []);
    t.is(packetFault(error!), '');
    const isIpv4 = packet[0]! >> 4 === 4;
    const messageAt = isIpv4 ? 20 : 40;
    t.deepEqual([...error!.subarray(messageAt, messageAt + 2)], [type, code]);
    t.deepEqual([...error!.subarray(messageAt + 4, messageAt + 8)], [0, 0, 0, 0]);
    t.deepEqual([...error!.subarray(messageAt + 8)], [...packet]);
    const addresses = isIpv4 ? error!.subarray(12, 20) : error!.subarray(8, 40);
    t.deepEqual([...addresses], [...(isIpv4 ? nodeAddress.a4 : nodeAddress.a6), ...parts.source]);
    const account = node.account().egress;
    t.like(account, { received: 1, originated: 1, delivered: 1, queued: 0 });
    t.is(residual(account), 0);
  },
  title: (name) => `the sender of ${name} is told`,
});

test('a packet to nobody', answers, to4, 'no-route', 3, 0);
test('an IPv6 packet to nobody', answers, to6, 'no-route', 1, 0);
test('a TCP segment to nobody', answers, { ...to4, protocol: 6, transport: tcpSegment(1, 2, []) }, 'no-route', 3, 0);
test('an echo request to nobody', answers, { ...to4, protocol: 1, transport: echoRequest(4, [1]) }, 'no-route', 3, 0);
test('a first fragment', answers, { ...to4, fragment: 0x2000 }, 'no-route', 3, 0);
test('a packet to this node itself', answers, { ...to4, destination: pod.a4 }, 'destination-local', 3, 1);
test('an IPv6 packet to this node itself', answers, { ...to6, destination: pod.a6 }, 'destination-local', 1, 3);
test(
  'a packet from an address that is no business of the overlay',
  answers,
  { ...to4, source: outside4, destination: pod.b4 },
  'source-not-local',
  3,
  13,
);
test(
  'an IPv6 packet from such an address',
  answers,
  { ...to6, source: outside6, destination: pod.b6 },
  'source-not-local',
  1,
  1,
);

const isSilent = test.macro<[PacketParts]>({
  exec: (t, parts) => {
    const node = new OverlayNode('a');
    node.send(PLAIN_VIRTIO, ipPacket(parts));
    t.deepEqual(node.takeErrors(), []);
    const account = node.account().egress;
    t.like(account, { received: 1, originated: 0 });
    t.is(residual(account), 0);
  },
  title: (name) => `nobody is told of ${name}`,
});

test('an ICMP error', isSilent, { ...to4, protocol: 1, transport: [3, 1, 0, 0, 0, 0, 0, 0, 1, 2] });
test('an ICMPv6 error', isSilent, { ...to6, protocol: 58, transport: [1, 0, 0, 0, 0, 0, 0, 0, 1, 2] });
test('a redirect', isSilent, { ...to6, protocol: 58, transport: [137, 0, 0, 0, 0, 0, 0, 0, 1, 2] });
test('a further fragment', isSilent, { ...to4, fragment: 0x0002, transport: [1, 2, 3, 4] });
test('a further IPv6 fragment', isSilent, { ...to6, protocol: 44, transport: [17, 0, 0, 8, 0, 0, 0, 1, 9, 9] });
test('a packet to a group', isSilent, { ...to4, destination: [224, 0, 0, 9] });
test('a broadcast', isSilent, { ...to4, destination: [255, 255, 255, 255] });
test('a packet from a group', isSilent, { ...to4, source: [224, 0, 0, 9], destination: pod.b4 });
test('a packet from nowhere', isSilent, { ...to6, source: Array.from({ length: 16 }, () => 0), destination: pod.b6 });
test("a packet under the address of another node's pod", isSilent, { ...to4, source: pod.b4, destination: pod.b4 });

test('of a super-packet the first segment is quoted', (t) => {
  const node = new OverlayNode('a');
  const whole = ipPacket({ ...to4, protocol: 17, transport: udpDatagram(Array.from({ length: 300 }, () => 7)) });
  makePartial(whole);
  node.send(virtioHeader(5, 100, 20, 6), whole);
  const [error, ...others] = node.takeErrors();
  t.deepEqual(others, []);
  t.is(packetFault(error!), '');
  t.is(error!.length, 20 + 8 + 128);
  const length = Uint8Array.of(0, 0);
  put16(length, 0, 128);
  t.deepEqual([...error!.subarray(30, 32)], [...length]);
});

test('a pod that floods uses up its own share only, and nobody waits for "too big"', (t) => {
  const node = new OverlayNode('a', 1000);
  node.errors.beginTurn(1);
  for (let sent = 0; sent < 1_000; sent++) node.send(PLAIN_VIRTIO, ipPacket(to4));
  t.is(node.takeErrors().length, 10);
  node.send(PLAIN_VIRTIO, ipPacket({ ...to4, source: [...pod.a4.slice(0, 3), 3] }));
  t.is(node.takeErrors().length, 1, 'another pod');
  const long = { ...to4, destination: pod.b4, transport: udpDatagram(Array.from({ length: 1200 }, () => 1)) };
  node.send(PLAIN_VIRTIO, ipPacket(long));
  t.is(node.takeErrors().length, 1, 'the same pod, about something else');
  t.is(node.account().icmpErrorsSuppressed, 990);
  node.errors.beginTurn(101);
  for (let sent = 0; sent < 100; sent++) node.send(PLAIN_VIRTIO, ipPacket(to4));
  t.is(node.takeErrors().length, 10, 'a hundred a second');
});

test('many sources together are limited as well', (t) => {
  const node = new OverlayNode('a');
  node.errors.beginTurn(1);
  let told = 0;
  for (let sent = 0; sent < 200; sent++) {
    node.send(PLAIN_VIRTIO, ipPacket({ ...to4, source: [...pod.a4.slice(0, 3), 2 + sent] }));
    told += node.takeErrors().length;
  }
  t.is(told, 50);
});
