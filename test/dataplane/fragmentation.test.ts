import test from 'ava';
import { ipPacket, makePartial, packetFault, udpDatagram } from '../support/ip-packet.ts';
import { OverlayNode, PLAIN_VIRTIO, pod, residual, virtioHeader } from '../support/overlay-node.ts';
import { reassembled } from '../support/reassembly.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';

const SEED = Number(process.env['SEED'] ?? 1);
const v4 = { source: pod.a4, destination: pod.b4 } as const;
const filled = (length: number) => Array.from({ length }, (_, index) => (index * 7) & 0xff);
const inner = (bytes: Uint8Array) => bytes.subarray(22);
/** Security (copied), record route (not), padding. */
const OPTIONS = [0x82, 11, ...filled(9), 7, 7, 4, 0, 0, 0, 0, 1, 0];

const fragments = test.macro<[Parameters<typeof ipPacket>[0], mtuBytes: number, count: number]>({
  exec: (t, parts, mtuBytes, count) => {
    const packet = ipPacket(parts);
    const node = new OverlayNode('a', mtuBytes);
    const sent = node.send(PLAIN_VIRTIO, packet);
    t.is(sent.length, count);
    t.is(new Set(sent.map(({ socket }) => socket)).size, 1);
    const whole = reassembled(
      sent.map(({ bytes }) => inner(bytes)),
      mtuBytes,
    );
    t.deepEqual(whole, packet);
    const account = node.account().egress;
    t.like(account, { received: 1, originated: count - 1, sent: count, queued: 0 });
    t.is(residual(account), 0);
    t.is(node.takeErrors().length, 0);
  },
  title: (name, _parts, mtuBytes, count) => `${name} becomes ${count} fragments of up to ${mtuBytes} bytes`,
});

const udp = (length: number) => ({ ...v4, protocol: 17, fragment: 0, transport: udpDatagram(filled(length)) });
test('a datagram that just fits', fragments, udp(572), 600, 1);
test('a datagram of one byte too many', fragments, udp(573), 600, 2);
test('a long datagram', fragments, udp(1422), 600, 3);
test('a datagram whose last part just fits', fragments, udp(576 + 580 - 8), 600, 2);
test('a datagram whose last part is one byte too long', fragments, udp(576 + 580 - 7), 600, 3);
test('an MTU that is no multiple of eight', fragments, udp(1422), 607, 3);
test('the smallest MTU of IPv4', fragments, udp(1000), 68, 21);
test('a packet of an unknown protocol', fragments, { ...udp(0), protocol: 253, transport: filled(1400) }, 700, 3);
test('a packet with options', fragments, { ...udp(1000), options: OPTIONS }, 600, 2);
test('a packet with options that no fragment has', fragments, { ...udp(1000), options: [7, 4, 4, 0] }, 600, 2);
test('a packet with broken options', fragments, { ...udp(1000), options: [7, 99, 4, 0] }, 600, 2);
test('a first fragment', fragments, { ...udp(0), fragment: 0x2000, transport: filled(1400) }, 700, 3);
test('a fragment', fragments, { ...udp(0), fragment: 0x2064, transport: filled(1400) }, 700, 3);
test('a last fragment', fragments, { ...udp(0), fragment: 0x0064, transport: filled(1401) }, 700, 3);

test('a partial checksum is completed before', (t) => {
  const packet = ipPacket(udp(1400));
  const partial = packet.slice();
  makePartial(partial);
  const sent = new OverlayNode('a', 700).send(virtioHeader(0, 0, 20, 6), partial);
  const parts = sent.map(({ bytes }) => inner(bytes));
  t.deepEqual(reassembled(parts, 700), packet);
});

test('each datagram of a super-packet is fragmented by itself', (t) => {
  const packet = ipPacket({
    ...v4,
    protocol: 17,
    fragment: 0,
    identification: 0xffff,
    transport: udpDatagram(filled(3500)),
  });
  makePartial(packet);
  const whole = new OverlayNode('a').send(virtioHeader(5, 1200, 20, 6), packet).map(({ bytes }) => inner(bytes));
  const node = new OverlayNode('a', 700);
  const sent = node.send(virtioHeader(5, 1200, 20, 6), packet).map(({ bytes }) => inner(bytes));
  t.deepEqual([reassembled(sent.slice(0, 2), 700), reassembled(sent.slice(2, 4), 700)], whole.slice(0, 2));
  t.deepEqual(reassembled(sent.slice(4), 700), whole[2]);
  t.deepEqual(
    whole.map((datagram) => packetFault(datagram)),
    ['', '', ''],
  );
  t.like(node.account().egress, { received: 3, originated: 3, sent: 6, queued: 0 });
});

test('the last datagram of a super-packet may fit', (t) => {
  const packet = ipPacket({ ...v4, protocol: 17, fragment: 0, transport: udpDatagram(filled(2500)) });
  makePartial(packet);
  const sent = new OverlayNode('a', 700).send(virtioHeader(5, 1200, 20, 6), packet).map(({ bytes }) => inner(bytes));
  t.is(sent.length, 5);
  t.is(packetFault(sent[4]!), '');
});

test('what lies beyond the largest packet is not fragmented', (t) => {
  const node = new OverlayNode('a', 700);
  t.deepEqual(node.send(PLAIN_VIRTIO, ipPacket({ ...udp(0), fragment: 0x1fff, transport: filled(1400) })), []);
  t.deepEqual(node.drops('egress'), { 'packet-too-big': 1 });
  t.deepEqual(node.takeErrors(), []);
});

test('an MTU of headers alone fragments nothing', (t) => {
  const node = new OverlayNode('a', 27);
  t.deepEqual(node.send(PLAIN_VIRTIO, ipPacket(udp(10))), []);
  t.deepEqual(node.drops('egress'), { 'packet-too-big': 1 });
});

test('a packet of more fragments than a batch holds is dropped', (t) => {
  const node = new OverlayNode('a', 48);
  t.deepEqual(node.send(PLAIN_VIRTIO, ipPacket({ ...udp(0), protocol: 253, transport: filled(60_000) })), []);
  t.deepEqual(node.drops('egress'), { 'too-many-segments': 1 });
});

test(`random packets, options and MTUs, seed ${SEED}: put together again, they are what they were`, (t) => {
  const random = new SeededRandom(SEED);
  for (let run = 0; run < 500; run++) {
    const mtuBytes = 100 + random.below(1400);
    const options = random.below(2) === 0 ? [] : OPTIONS;
    const offset = random.below(2) === 0 ? 0 : random.below(0x1000);
    const hasMore = random.below(2) === 0;
    const length = hasMore ? 8 * random.below(250) : random.below(2000);
    const fragment = offset + (hasMore ? 0x2000 : 0);
    const packet = ipPacket({ ...v4, protocol: 253, fragment, options, transport: filled(length) });
    const sent = new OverlayNode('a', mtuBytes).send(PLAIN_VIRTIO, packet).map(({ bytes }) => inner(bytes));
    t.deepEqual(reassembled(sent, mtuBytes), packet, `run ${run}`);
  }
});
