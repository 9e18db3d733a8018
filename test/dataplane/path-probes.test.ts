import test from 'ava';
import { MIN_PROBE_BYTES, PROBE_REPLY_BYTES } from '../../src/dataplane/path-probes.ts';
import { TOO_BIG } from '../../src/dataplane/probe-ring.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';
import { PEER, residual } from '../support/overlay-node.ts';
import { ProbingNode } from '../support/probing-node.ts';

const ENCAPSULATION = 22;
const UDP_AT = ENCAPSULATION + 40;

/** Both nodes, and what A's order of `sizeBytes` bytes becomes. */
function asked(sizeBytes: number, sequence = 1) {
  const [a, b] = [new ProbingNode('a'), new ProbingNode('b')];
  a.orders.put(PEER, sizeBytes, sequence, 0);
  const [request] = a.transmit();
  return { a, b, request: request! };
}

/** Ones' complement sum of an IPv6 packet's upper layer with its pseudo-header, the slow and obvious way. */
function checksumOf(packet: Uint8Array): number {
  const length = packet.length - 40;
  const summed = [...packet.subarray(8, 40), 0, 0, length >> 8, length & 0xff, 0, 0, 0, 17, ...packet.subarray(40)];
  if (summed.length % 2 === 1) summed.push(0);
  let sum = 0;
  for (let at = 0; at < summed.length; at += 2) sum += summed[at]! * 256 + summed[at + 1]!;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return sum;
}

for (const sizeBytes of [MIN_PROBE_BYTES, 65, 256, 1351, 1450, 9000]) {
  test(`a probe of ${sizeBytes} bytes is a VXLAN datagram between link-local addresses, padded to that size`, (t) => {
    const { request } = asked(sizeBytes);
    t.is(request.length, ENCAPSULATION + sizeBytes);
    t.deepEqual([...request.subarray(0, 8)], [8, 0, 0, 0, 0, 0, 42, 0]);
    t.deepEqual([...request.subarray(8, 22)], [2, 0, 0, 0, 0, 0xb, 2, 0, 0, 0, 0, 0xa, 0x86, 0xdd]);
    const packet = request.subarray(ENCAPSULATION);
    const link = [0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xfe, 0, 0];
    t.deepEqual([...packet.subarray(8, 40)], [...link, 0xa, ...link, 0xb]);
    t.deepEqual([packet[6], packet[7]], [17, 255]);
    t.is(packet[4]! * 256 + packet[5]!, sizeBytes - 40);
    t.is(checksumOf(packet), 0xffff);
    t.true(packet.subarray(MIN_PROBE_BYTES).every((octet) => octet === 0));
  });

  test(`a probe of ${sizeBytes} bytes is answered with a small one, and the answer is reported`, (t) => {
    const { a, b, request } = asked(sizeBytes, 0xffff_fffe);
    t.is(b.receive(request), 0);
    const [reply, ...more] = b.transmit();
    t.is(reply!.length, ENCAPSULATION + PROBE_REPLY_BYTES);
    t.is(checksumOf(reply!.subarray(ENCAPSULATION)), 0xffff);
    t.deepEqual(more, []);
    // Beyond the wrap of the 32 bits that the time has.
    a.nowUs += 0x1234;
    t.is(a.receive(reply!), 0);
    t.deepEqual(a.takeResults(), [[PEER, sizeBytes, -2, 0x1234, 1]]);
    t.deepEqual([a.transmit(), b.transmit(), b.takeResults()], [[], [], []]);
  });
}

test('probes are in the accounts: originated and sent, received and delivered', (t) => {
  const { a, b, request } = asked(1450);
  b.receive(request);
  a.receive(b.transmit()[0]!);
  t.like(a.account().egress, { received: 0, originated: 1, sent: 1, queued: 0, forwardedBytes: 1450 });
  t.like(a.account().ingress, {
    received: 1,
    delivered: 1,
    receivedBytes: PROBE_REPLY_BYTES,
    forwardedBytes: PROBE_REPLY_BYTES,
  });
  t.like(b.account().ingress, { received: 1, delivered: 1, receivedBytes: 1450 });
  for (const node of [a, b]) {
    t.is(residual(node.account().egress), 0);
    t.is(residual(node.account().ingress), 0);
  }
});

test('a reply says how many requests its peer has seen, those included that it had no time to answer', (t) => {
  const [a, b] = [new ProbingNode('a'), new ProbingNode('b')];
  for (let sequence = 1; sequence <= 100; sequence++) a.orders.put(PEER, 300, sequence);
  for (const request of a.transmit()) b.receive(request);
  b.transmit();
  a.orders.put(PEER, 300, 101);
  b.receive(a.transmit()[0]!);
  a.receive(b.transmit()[0]!);
  t.deepEqual(a.takeResults(), [[PEER, 300, 101, 0, 101]]);
});

test('a reply of version 0.1.0, which does not count, is reported without a number', (t) => {
  const { a, b, request } = asked(300);
  b.receive(request);
  const [reply] = b.transmit();
  const old = reply!.slice(0, ENCAPSULATION + MIN_PROBE_BYTES);
  for (const at of [ENCAPSULATION + 4, UDP_AT + 4]) old[at + 1]! -= 4;
  old.set([0, 0], UDP_AT + 6);
  const checksum = ~checksumOf(old.subarray(ENCAPSULATION)) & 0xffff;
  old.set([checksum >> 8, checksum & 0xff], UDP_AT + 6);
  a.receive(old);
  t.deepEqual(a.takeResults(), [[PEER, 300, 1, 0, 0]]);
});

test('a probe that is too large for the device is reported as that, and dropped for its reason', (t) => {
  const a = new ProbingNode('a');
  a.orders.put(PEER, 1450, 7, 0);
  a.transmit('EMSGSIZE');
  t.deepEqual(a.takeResults(), [[PEER, 1450, 7, TOO_BIG, 0]]);
  t.is(a.account().egress.dropped['datagram-too-big'], 1);
  t.is(residual(a.account().egress), 0);
});

test('a probe that cannot be sent for another reason is just lost', (t) => {
  const a = new ProbingNode('a');
  a.orders.put(PEER, 1450, 7, 0);
  a.transmit('ENETUNREACH');
  t.deepEqual(a.takeResults(), []);
});

test('orders that make no sense are left out: sizes that no probe has, and peers that are gone', (t) => {
  const a = new ProbingNode('a');
  a.orders.put(PEER, MIN_PROBE_BYTES - 1, 1, 0);
  a.orders.put(PEER, 9001, 2, 0);
  a.orders.put(PEER + 1, 1450, 3, 0);
  t.deepEqual(a.transmit(), []);
});

test('more orders and questions than fit at once are dealt with one batch after the other', (t) => {
  const [a, b] = [new ProbingNode('a'), new ProbingNode('b')];
  for (let sequence = 0; sequence < 200; sequence++) a.orders.put(PEER, 300, sequence, 0);
  const requests = a.transmit();
  t.is(requests.length, 200);
  for (const request of requests.slice(0, 64)) b.receive(request);
  t.is(b.transmit().length, 64);
});

const isNoProbe = test.macro<[(request: Uint8Array) => void]>({
  exec: (t, spoil) => {
    const { b, request } = asked(300);
    spoil(request);
    t.is(b.receive(request), 0);
    t.deepEqual(b.transmit(), []);
    const { ingress } = b.account();
    t.is(ingress.delivered, 0);
    t.is(residual(ingress), 0);
  },
  title: (name) => `a probe ${name} is not answered, and dropped as what it is`,
});

const write16 = (at: number, value: number) => (bytes: Uint8Array) => bytes.set([value >> 8, value & 0xff], at);

test('with a wrong checksum', isNoProbe, (bytes) => (bytes[200]! ^= 1));
test('from another link-local address', isNoProbe, write16(ENCAPSULATION + 8 + 14, 0x0c));
test('to another link-local address', isNoProbe, write16(ENCAPSULATION + 24 + 14, 0x0c));
test('to another port', isNoProbe, write16(UDP_AT + 2, 4789));
test('whose UDP length is wrong', isNoProbe, write16(UDP_AT + 4, 200));
test('that came from further away', isNoProbe, (bytes) => (bytes[ENCAPSULATION + 7] = 254));

test('a request whose size is not its length is consumed and not answered', (t) => {
  const { b, request } = asked(300);
  // Size and checksum change by the same amount in opposite directions.
  request[UDP_AT + 8 + 7]! += 1;
  const checksum = request[UDP_AT + 6]! * 256 + request[UDP_AT + 7]! - 1;
  request.set([checksum >> 8, checksum & 0xff], UDP_AT + 6);
  b.receive(request);
  t.is(b.account().ingress.delivered, 1);
  t.deepEqual(b.transmit(), []);
});

test('whatever comes in, nothing throws and everything is accounted for', (t) => {
  const random = new SeededRandom(3);
  const { b, request } = asked(400);
  for (let round = 0; round < 20_000; round++) {
    const bytes = request.slice(0, random.below(8) === 0 ? random.below(request.length) : request.length);
    for (let change = random.below(4); change > 0; change--) bytes[random.below(bytes.length)] = random.below(256);
    b.receive(bytes);
    if (random.below(3) === 0) b.transmit();
  }
  b.transmit();
  t.is(residual(b.account().ingress), 0);
  t.is(residual(b.account().egress), 0);
});
