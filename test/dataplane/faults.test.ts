import test from 'ava';
import { DropReason } from '../../src/dataplane/drop-reason.ts';
import { readFaultCounts } from '../../src/dataplane/fault-counts.ts';
import type { FaultRule } from '../../src/dataplane/fault-rule.ts';
import { faultRule } from '../support/fault-rules.ts';
import { echoRequest, ipPacket, makePartial, transportOf, udpDatagram } from '../support/ip-packet.ts';
import { residual, type SentDatagram, virtioHeader } from '../support/overlay-node.ts';
import { HELD_SLOTS, type NodeName, RelayingNode, number, podOf } from '../support/relaying-node.ts';

/** IPv4, UDP, VXLAN and Ethernet headers around an inner packet. */
const OVERHEAD_BYTES = 50;
const MS = 1_000;

const packet = (to: NodeName = 'b', lengthBytes = 100, mark = 0, family: 4 | 6 = 4) => {
  const payload = Array.from({ length: lengthBytes - (family === 4 ? 28 : 48) }, () => mark & 0xff);
  return ipPacket({
    source: podOf('a', family),
    destination: podOf(to, family),
    protocol: 17,
    transport: udpDatagram(payload),
  });
};

function nodeWith(...rules: readonly FaultRule[]): RelayingNode {
  const node = new RelayingNode('a', { mayRelay: ['b'], through: ['c'] });
  node.faults.replace(rules);
  return node;
}

const counted = (node: RelayingNode, id = 1) => readFaultCounts(node.faultCounts, id, id);
const balance = (node: RelayingNode) => [residual(node.account().egress), residual(node.account().ingress)];

/** Which of `count` packets leave at once, and not at all: their numbers. */
function lostOf(node: RelayingNode, count: number, between: (index: number) => void = () => undefined): number[] {
  return Array.from({ length: count }, (_, index) => index).filter((index) => {
    between(index);
    return node.send(packet()).length === 0;
  });
}

test('about the share that is asked for is lost, for a reason of its own', (t) => {
  const node = nodeWith(faultRule({ direction: 'out', lossRatio: 0.05 }));
  const lost = lostOf(node, 4_000).length;
  t.true(lost > 150 && lost < 250, String(lost));
  t.is(node.account().egress.dropped['fault-loss-out'], lost);
  t.like(counted(node), { seen: 4_000, lost });
  t.deepEqual(balance(node), [0, 0]);
});

test('the same seed loses the same packets, and another one others', (t) => {
  t.deepEqual(lostWith(7), lostWith(7));
  t.notDeepEqual(lostWith(7), lostWith(8));
});

test('path probes in between, and rules about others, do not change which packets are lost', (t) => {
  const rule = faultRule({ direction: 'out', lossRatio: 0.1 });
  const alone = lostOf(nodeWith(rule), 500);
  const node = nodeWith(rule, faultRule({ id: 2, direction: 'in', lossRatio: 1 }));
  const lost = lostOf(node, 500, (index) => {
    if (index % 3 === 0) node.orders.put(number.b, 300, index);
    node.transmitProbes();
    if (index === 200) node.faults.replace([rule]);
  });
  t.deepEqual(lost, alone);
});

test('another effect of the same rule does not change which packets are lost', (t) => {
  const alone = lostOf(nodeWith(faultRule({ direction: 'out', lossRatio: 0.1 })), 300);
  const node = nodeWith(faultRule({ direction: 'out', lossRatio: 0.1, duplicateRatio: 0.5, delayUs: 5 * MS }));
  const lost = Array.from({ length: 300 }, (_, index) => index).filter(() => {
    const before = counted(node).lost;
    node.send(packet());
    node.nowUs += 6 * MS;
    node.release();
    return counted(node).lost > before;
  });
  t.deepEqual(lost, alone);
});

for (const direction of ['out', 'in'] as const) {
  test(`an outer packet longer than the clip vanishes, one of just that length passes: ${direction}`, (t) => {
    const rule = faultRule({ direction, clipBytes: 1_280 });
    const node = nodeWith(rule);
    const passes = (lengthBytes: number): boolean => {
      if (direction === 'out') return node.send(packet('b', lengthBytes)).length > 0;
      const [datagram] = new RelayingNode('b').send(toA(lengthBytes));
      return node.receive('b', datagram!.bytes).delivered.length > 0;
    };
    t.true(passes(1_280 - OVERHEAD_BYTES));
    t.false(passes(1_281 - OVERHEAD_BYTES));
    const account = node.account()[direction === 'out' ? 'egress' : 'ingress'];
    t.is(account.dropped[`fault-clip-${direction}`], 1);
    t.deepEqual(balance(node), [0, 0]);
  });
}

test('of what is fragmented, it is the fragments that must not be too long', (t) => {
  const node = new RelayingNode('a', { mtuBytes: { b: 1_000 } });
  node.faults.replace([faultRule({ direction: 'out', clipBytes: 1_050 })]);
  const [sent] = node.send(packet('b', 1_200, 0, 6));
  t.is(sent?.outerFragmentBytes, 1_050);
});

test('a path probe is clipped as data is', (t) => {
  const node = nodeWith(faultRule({ direction: 'out', clipBytes: 1_280 }));
  node.orders.put(number.b, 1_400, 1);
  node.orders.put(number.b, 1_200, 2);
  t.is(node.transmitProbes().length, 1);
  t.is(node.account().egress.dropped['fault-clip-out'], 1);
  t.deepEqual(balance(node), [0, 0]);
});

test('what is delayed is queued until it is due, and keeps its order', (t) => {
  const node = nodeWith(faultRule({ direction: 'out', delayUs: 20 * MS }));
  const packets = [1, 2, 3].map((mark) => packet('b', 100, mark));
  t.deepEqual(node.send(packets[0]!), []);
  node.nowUs += 5 * MS;
  t.deepEqual([...node.send(packets[1]!), ...node.send(packets[2]!)], []);
  t.is(node.account().egress.queued, 3);
  t.is(node.faults.waitMs(), 15);
  node.nowUs += 15 * MS - 1;
  t.deepEqual(node.release().sent, []);
  node.nowUs += 1;
  t.deepEqual(node.release().sent.map(innerOf), [packets[0]]);
  node.nowUs += 5 * MS;
  t.deepEqual(node.release().sent.map(innerOf), [packets[1], packets[2]]);
  t.is(node.faults.waitMs(), -1);
  t.like(node.account().egress, { queued: 0, sent: 3, originated: 0 });
  t.like(counted(node), { seen: 3, delayed: 3 });
});

test('jitter makes it more or less, and never less than nothing', (t) => {
  const node = nodeWith(faultRule({ direction: 'out', delayUs: 2 * MS, jitterUs: 5 * MS }));
  const delaysMs = Array.from({ length: 200 }, () => {
    const startUs = node.nowUs;
    node.send(packet());
    node.nowUs += Math.ceil(node.faults.waitMs() * MS);
    node.release();
    return (node.nowUs - startUs) / MS;
  });
  t.true(delaysMs.every((delayMs) => delayMs >= 0 && delayMs <= 7));
  t.true(Math.max(...delaysMs) > 6 && delaysMs.includes(0));
});

test('what comes in is delayed, too, and is one received packet all the time', (t) => {
  const node = nodeWith(faultRule({ direction: 'in', delayUs: 20 * MS }));
  const [datagram] = new RelayingNode('b').send(toA(200));
  t.deepEqual(node.receive('b', datagram!.bytes).delivered, []);
  t.like(node.account().ingress, { received: 1, queued: 1, delivered: 0 });
  node.nowUs += 20 * MS;
  t.deepEqual(node.release().delivered[0]?.packet, toA(200));
  t.like(node.account().ingress, { received: 1, queued: 0, delivered: 1, receivedBytes: 200 });
});

test('what the kernel had joined is judged one by one', (t) => {
  const node = nodeWith(faultRule({ direction: 'in', lossRatio: 0.5 }));
  const datagrams = new RelayingNode('b').send(toA(200));
  const joined = Uint8Array.from(Array.from({ length: 40 }, () => [...datagrams[0]!.bytes]).flat());
  node.receive('b', joined, datagrams[0]!.bytes.length);
  const { lost, seen } = counted(node);
  t.is(seen, 40);
  t.true(lost > 8 && lost < 32);
  t.is(node.account().ingress.dropped['fault-loss-in'], lost);
});

test('without a delay, what is reordered is overtaken by the next one', (t) => {
  const node = nodeWith(faultRule({ direction: 'out', reorderRatio: 1 }));
  const [first, second] = [packet('b', 100, 1), packet('b', 100, 2)];
  t.deepEqual(node.send(first), []);
  t.deepEqual(node.send(second).map(innerOf), [second]);
  t.deepEqual(node.release().sent.map(innerOf), [first]);
});

test('if none follows, it leaves by itself', (t) => {
  const node = nodeWith(faultRule({ direction: 'out', reorderRatio: 1 }));
  node.send(packet());
  t.true(node.faults.waitMs() > 0);
  node.nowUs += 50 * MS;
  t.is(node.release().sent.length, 1);
});

test('with a delay, what is reordered overtakes what waits', (t) => {
  const node = nodeWith(faultRule({ direction: 'out', reorderRatio: 0.5, delayUs: 20 * MS }));
  const sent = Array.from({ length: 20 }, () => node.send(packet()).length);
  const { delayed, reordered } = counted(node);
  t.is(
    sent.reduce((sum, count) => sum + count, 0),
    reordered,
  );
  t.is(delayed + reordered, 20);
  t.true(delayed > 0 && reordered > 0);
});

test('what is duplicated is there twice, and the copy is of our own making', (t) => {
  const node = nodeWith(faultRule({ direction: 'out', duplicateRatio: 1 }));
  const inner = packet();
  node.send(inner);
  t.deepEqual(node.release().sent.map(innerOf), [inner, inner]);
  t.like(node.account().egress, { received: 1, originated: 1, sent: 2, queued: 0 });

  const receiver = nodeWith(faultRule({ direction: 'in', duplicateRatio: 1 }));
  const [datagram] = new RelayingNode('b').send(toA(100));
  receiver.receive('b', datagram!.bytes);
  t.is(receiver.release().delivered.length, 2);
  t.like(receiver.account().ingress, { received: 1, originated: 1, delivered: 2, queued: 0 });
});

for (const remoteChecksum of [true, false]) {
  test(`damage never reaches a pod unnoticed${remoteChecksum ? ', also not where the checksum is left to the outer one' : ''}`, (t) => {
    const a = new RelayingNode('a', { remoteChecksum: remoteChecksum ? ['b'] : [] });
    const b = new RelayingNode('b', { remoteChecksum: remoteChecksum ? ['a'] : [] });
    a.faults.replace([faultRule({ direction: 'out', corruptRatio: 1 })]);
    const whole = packet('b', 100, 5);
    const partial = whole.slice();
    makePartial(partial);
    const runs = 800;
    for (let run = 0; run < runs; run++) {
      t.deepEqual(a.send(partial, virtioHeader(0, 0, transportOf(whole).at, 6)), []);
      const [damaged] = a.release().sent;
      // What is in no checksum: hop limits and the like. Those of IPv4 are.
      for (const { packet } of b.receive('a', damaged!.bytes).delivered) {
        if (!equal(packet, whole) && !equal(packet, partial)) t.fail(`run ${run}: delivered with damage`);
      }
    }
    const { dropped } = b.account().ingress;
    t.true(dropped['inner-bad-checksum']! > runs / 3);
    t.is(counted(a).corrupted, runs);
  });
}

test('what finds no room is dropped for that', (t) => {
  const node = nodeWith(faultRule({ direction: 'out', delayUs: 20 * MS, duplicateRatio: 1 }));
  for (let count = 0; count < HELD_SLOTS; count++) node.send(packet());
  t.like(node.account().egress, { queued: HELD_SLOTS, received: HELD_SLOTS, originated: HELD_SLOTS });
  t.is(node.account().egress.dropped['fault-queue-full-out'], HELD_SLOTS);
  t.is(counted(node).queueFull, HELD_SLOTS);
  node.nowUs += 20 * MS;
  t.is(node.release().sent.length, HELD_SLOTS);
  t.deepEqual(balance(node), [0, 0]);
});

test('a fault between this node and another is one of everything that goes there, also of what that one is to relay', (t) => {
  const node = nodeWith(faultRule({ direction: 'out', peer: number.b, lossRatio: 1 }));
  t.deepEqual([...node.send(packet('b')), ...node.send(packet('c'))], []);
  const other = nodeWith(faultRule({ direction: 'out', peer: number.c, lossRatio: 1 }));
  t.is(other.send(packet('b')).length + other.send(packet('c')).length, 2);
});

test('what is relayed is dropped as such, delayed as such, and in the account of the peer that it came from', (t) => {
  const relay = new RelayingNode('b', { relays: true });
  const [first] = nodeWith().send(packet('c'));
  relay.faults.replace([faultRule({ direction: 'out', peer: number.c, lossRatio: 1 })]);
  t.deepEqual(relay.receive('a', first!.bytes).relayed, []);
  t.deepEqual(relay.drops(), { 'fault-loss-relayed': 1 });
  relay.faults.replace([faultRule({ id: 2, direction: 'out', peer: number.c, delayUs: MS, duplicateRatio: 1 })]);
  t.deepEqual(relay.receive('a', first!.bytes).relayed, []);
  relay.nowUs += MS;
  t.deepEqual(
    relay.release().relayed.map(({ bytes, peer }) => [peer, bytes]),
    [
      [number.c, first!.bytes],
      [number.c, first!.bytes],
    ],
  );
  t.like(relay.account().ingress, { received: 2, originated: 1, relayed: 2, queued: 0 });
});

test('what comes in late may be relayed, and then faults on the way out are in its way, too', (t) => {
  const relay = new RelayingNode('b', { relays: true });
  const [first] = nodeWith().send(packet('c'));
  relay.faults.replace([
    faultRule({ id: 1, direction: 'in', delayUs: MS }),
    faultRule({ id: 2, direction: 'out', lossRatio: 1 }),
  ]);
  relay.receive('a', first!.bytes);
  relay.nowUs += MS;
  t.deepEqual(relay.release().relayed, []);
  t.deepEqual(relay.drops(), { 'fault-loss-relayed': 1 });
  t.deepEqual(balance(relay), [0, 0]);
});

test('when a fault ends, what it holds goes on at its time', (t) => {
  const node = nodeWith(faultRule({ direction: 'out', delayUs: 20 * MS }));
  node.send(packet());
  node.faults.replace([]);
  t.is(node.send(packet()).length, 1);
  node.nowUs += 20 * MS;
  t.is(node.release().sent.length, 1);
});

test('a path probe that was held is sent as one', (t) => {
  const node = nodeWith(faultRule({ direction: 'out', delayUs: MS }));
  node.orders.put(number.b, 300, 1);
  t.deepEqual(node.transmitProbes(), []);
  node.nowUs += MS;
  const { sent } = node.release();
  t.deepEqual(
    sent.map(({ isAlone }) => isAlone),
    [true],
  );
  t.like(node.account().egress, { originated: 1, sent: 1, queued: 0 });
});

test('in one batch, each datagram is accounted for by whoever it is of, with the length of its inner packet', (t) => {
  const node = nodeWith(faultRule({ direction: 'out', delayUs: MS }));
  node.send(packet('b', 100));
  node.orders.put(number.b, 300, 1);
  node.transmitProbes();
  node.nowUs += MS;
  t.is(node.release().sent.length, 2);
  t.like(node.account().egress, { received: 1, originated: 1, sent: 2, queued: 0, forwardedBytes: 400 });
  // What measures the path is no traffic of pods.
  t.is(node.sentTo(number.b), 1);
});

test('of a path probe that was held, and is too long to leave, nobody is told a size', (t) => {
  const node = nodeWith(faultRule({ direction: 'out', delayUs: MS }));
  node.orders.put(number.b, 300, 1);
  node.transmitProbes();
  node.nowUs += MS;
  node.release(DropReason.datagramTooBig);
  t.deepEqual(node.takeResults(), []);
  t.is(node.account().egress.dropped['datagram-too-big'], 1);
});

test('of one that was not held, it is told', (t) => {
  const node = nodeWith();
  node.orders.put(number.b, 300, 1);
  node.transmitProbes(DropReason.datagramTooBig);
  t.is(node.takeResults().length, 1);
});

test('faults of one direction, or none, leave the rest as it is', (t) => {
  const node = nodeWith(faultRule({ direction: 'in', lossRatio: 1 }));
  t.is(node.send(packet()).length, 1);
  t.is(node.send(echo()).length, 1);
  t.like(counted(node), { seen: 0 });
});

function lostWith(seed: number): number[] {
  return lostOf(nodeWith(faultRule({ direction: 'out', lossRatio: 0.1, seed })), 500);
}

function toA(lengthBytes: number): Uint8Array {
  const transport = udpDatagram(Array.from({ length: lengthBytes - 28 }, () => 3));
  return ipPacket({ source: podOf('b'), destination: podOf('a'), protocol: 17, transport });
}

function echo(): Uint8Array {
  return ipPacket({ source: podOf('a'), destination: podOf('b'), protocol: 1, transport: echoRequest(4, [1]) });
}

function innerOf({ bytes }: SentDatagram): Uint8Array {
  return bytes.subarray(22);
}

function equal(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && left.every((octet, index) => octet === right[index]);
}
