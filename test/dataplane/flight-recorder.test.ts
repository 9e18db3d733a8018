import { Worker } from 'node:worker_threads';
import test from 'ava';
import { DropReason } from '../../src/dataplane/drop-reason.ts';
import { ENCAPSULATION_LENGTH } from '../../src/dataplane/encapsulation.ts';
import {
  createFlightRecorderMemory,
  FLIGHT_SLOT_BYTES,
  FLIGHT_UNTOLD_SLOTS,
  FlightField,
  FlightRecorder,
  type FlightRecorderMemory,
  flightRings,
} from '../../src/dataplane/flight-recorder.ts';
import {
  flightCoverage,
  type FlightKind,
  type FlightRecord,
  flightRecords,
} from '../../src/dataplane/flight-records.ts';
import { Hook } from '../../src/dataplane/hook.ts';
import { echoRequest, ipPacket, makePartial, tcpSegment, udpDatagram } from '../support/ip-packet.ts';
import {
  encapsulated,
  joined,
  MTU,
  OverlayNode,
  PEER,
  PLAIN_VIRTIO,
  pod,
  virtioHeader,
} from '../support/overlay-node.ts';

const MIB = 1024 * 1024;
const payload = (length: number): number[] => Array.from({ length }, (_, index) => index & 0xff);
const fromA = { source: pod.a4, destination: pod.b4, protocol: 17 };
const udp = (lengthBytes = 100): Uint8Array => ipPacket({ ...fromA, transport: udpDatagram(payload(lengthBytes)) });

function recordingNode(name: 'a' | 'b'): { node: OverlayNode; memory: FlightRecorderMemory } {
  const memory = createFlightRecorderMemory(MIB, 1);
  return { node: new OverlayNode(name, MTU, undefined, true, false, undefined, memory), memory };
}

/** All records of one worker, the oldest first. @param limits so many of the newest. */
function readFlightRecorder(
  memory: FlightRecorderMemory,
  limits: Readonly<Partial<Record<FlightKind, number>>> = {},
): { packets: FlightRecord[]; drops: FlightRecord[] } {
  const ofKind = (kind: FlightKind): FlightRecord[] => [...flightRecords(memory, kind, 0, limits[kind])].toReversed();
  return { packets: ofKind('packets'), drops: ofKind('drops') };
}

function taken(node: OverlayNode, memory: FlightRecorderMemory): { packets: FlightRecord[]; drops: FlightRecord[] } {
  node.recorder!.endTurn();
  return readFlightRecorder(memory);
}

/** Segment `index` of a TCP stream, in its datagram. */
function segment(index: number): Uint8Array {
  const transport = tcpSegment(1 + index * 500, 0x10, payload(500));
  return encapsulated(ipPacket({ ...fromA, protocol: 6, transport, identification: 1 + index }));
}

/** A recorder by itself, and the bytes that it records from. */
function recorderOf(memory: FlightRecorderMemory, worker = 0): { recorder: FlightRecorder; bytes: Uint8Array } {
  const bytes = new Uint8Array(4096);
  let seconds = 0;
  const readTime = (time: Uint32Array): void => {
    time[0] = ++seconds;
    time[1] = worker;
  };
  const options = { memory: bytes, recorder: memory, worker, forwarding: { generation: 1 }, readTime };
  return { recorder: new FlightRecorder(options), bytes };
}

test('a packet to a peer is remembered, by its headers', (t) => {
  const { node, memory } = recordingNode('a');
  const packet = udp();
  node.send(PLAIN_VIRTIO, packet);
  const { packets, drops } = taken(node, memory);
  t.deepEqual(drops, []);
  t.deepEqual(packets, [
    {
      seconds: 1000,
      nanoseconds: 0,
      worker: 0,
      hook: Hook.toUnderlay,
      direction: 'egress',
      reason: undefined,
      peer: PEER,
      generation: 1,
      lengthBytes: 128,
      segments: 1,
      gsoSize: 0,
      header: packet.slice(0, 28),
      isDatagram: false,
    },
  ]);
});

test('a super-packet is remembered once, with its segments', (t) => {
  const { node, memory } = recordingNode('a');
  const packet = ipPacket({ ...fromA, protocol: 6, transport: tcpSegment(1, 0x10, payload(7000)) });
  makePartial(packet);
  node.send(virtioHeader(1, 1400, 20, 16), packet);
  const { packets } = taken(node, memory);
  t.is(packets.length, 1);
  t.like(packets[0], { segments: 5, gsoSize: 1400, lengthBytes: 7040 });
  t.is(packets[0]!.header.length, 40);
});

test('what comes in is remembered when the pod has it, put together as it was', (t) => {
  const { node, memory } = recordingNode('b');
  node.receive(joined([segment(0), segment(1), segment(2)]), segment(0).length);
  const { packets } = taken(node, memory);
  t.is(packets.length, 1);
  t.like(packets[0], { hook: Hook.toPod, direction: 'ingress', peer: PEER, segments: 3, gsoSize: 500 });
  t.deepEqual(packets[0]!.header.slice(12, 20), Uint8Array.of(...pod.a4, ...pod.b4));
});

test('drops are remembered with their reasons', (t) => {
  const { node, memory } = recordingNode('a');
  const packet = ipPacket({ ...fromA, destination: pod.c4, transport: udpDatagram(payload(20)) });
  node.send(PLAIN_VIRTIO, packet);
  node.failure = DropReason.underlayUnreachable;
  node.send(PLAIN_VIRTIO, udp());
  const { packets, drops } = taken(node, memory);
  // It was on its way when it failed.
  t.is(packets.length, 1);
  t.like(drops[0], { hook: Hook.drop, direction: 'egress', reason: DropReason.noRoute, peer: 0, lengthBytes: 48 });
  t.deepEqual(drops[0]!.header, packet.slice(0, 28));
  t.like(drops[1], { reason: DropReason.underlayUnreachable, peer: PEER, lengthBytes: 128 });
  t.deepEqual(drops[1]!.header.slice(12, 20), Uint8Array.of(...pod.a4, ...pod.b4));
});

test('drops of what came in are remembered, also of what is no packet', (t) => {
  const { node, memory } = recordingNode('b');
  const datagram = encapsulated(udp());
  datagram[6] = 99;
  node.receive(datagram);
  node.receive(Uint8Array.of(8, 0, 0, 0, 0, 0));
  node.failure = DropReason.tunDown;
  node.receive(encapsulated(udp()));
  const { packets, drops } = taken(node, memory);
  t.deepEqual(packets, []);
  t.like(drops[0], { direction: 'ingress', reason: DropReason.vxlanWrongVni, isDatagram: false, lengthBytes: 128 });
  t.deepEqual(drops[0]!.header, datagram.slice(ENCAPSULATION_LENGTH, ENCAPSULATION_LENGTH + 28));
  t.like(drops[1], { reason: DropReason.vxlanTruncated, isDatagram: true, lengthBytes: 6 });
  t.deepEqual(drops[1]!.header, Uint8Array.of(8, 0, 0, 0, 0, 0));
  t.like(drops[2], { reason: DropReason.tunDown, peer: PEER });
});

const headerOf = test.macro({
  exec: (t, packet: Uint8Array, headerBytes: number) => {
    const { node, memory } = recordingNode('a');
    node.send(PLAIN_VIRTIO, packet);
    const { packets, drops } = taken(node, memory);
    t.deepEqual([...packets, ...drops][0]!.header, packet.slice(0, headerBytes));
  },
  title: (name = '') => `of ${name}, no payload is given`,
});

test('a UDP packet', headerOf, udp(), 28);
test('a TCP segment', headerOf, ipPacket({ ...fromA, protocol: 6, transport: tcpSegment(1, 16, payload(50)) }), 40);
test('an ICMP message', headerOf, ipPacket({ ...fromA, protocol: 1, transport: echoRequest(4, payload(50)) }), 28);
test('a protocol that nobody knows', headerOf, ipPacket({ ...fromA, protocol: 200, transport: payload(50) }), 20);
test('a fragment but the first', headerOf, ipPacket({ ...fromA, transport: payload(50), fragment: 0x0010 }), 20);
const fromA6 = { source: pod.a6, destination: pod.b6, protocol: 17 };
test('an IPv6 packet', headerOf, ipPacket({ ...fromA6, transport: udpDatagram(payload(60)) }), 48);
test(
  'an IPv6 packet with an extension header',
  headerOf,
  ipPacket({ ...fromA6, transport: udpDatagram(payload(60)), options: [17, 0, 1, 4, 0, 0, 0, 0], firstExtension: 60 }),
  56,
);
test(
  'a packet of a version that there is not',
  headerOf,
  Uint8Array.from({ length: 60 }, () => 0xff),
  0,
);

test('the oldest is forgotten first, and the recorder says how far back it knows', (t) => {
  const memory = createFlightRecorderMemory(0, 1);
  const { recorder } = recorderOf(memory);
  t.deepEqual(flightCoverage(memory, 'packets'), { records: 0, since: undefined });
  const write = (count: number): void => {
    for (let number = 0; number < count; number++) {
      recorder.forwarded(Hook.toUnderlay, 0, 1, 0, 60, 1, 0);
      recorder.endTurn();
    }
  };
  write(100);
  t.deepEqual(flightCoverage(memory, 'packets'), { records: 100, since: undefined });
  t.is(readFlightRecorder(memory).packets.length, 100);
  write(memory.slots);
  const { packets } = readFlightRecorder(memory);
  const kept = memory.slots - 2 * FLIGHT_UNTOLD_SLOTS;
  t.is(packets.length, kept);
  t.deepEqual(
    packets.map(({ seconds }) => seconds),
    Array.from({ length: kept }, (_, index) => 100 + memory.slots - kept + 1 + index),
  );
  const since = { seconds: packets[0]!.seconds, nanoseconds: 0 };
  t.deepEqual(flightCoverage(memory, 'packets'), { records: kept, since });
});

test('traffic cannot push out drops', (t) => {
  const { node, memory } = recordingNode('a');
  node.send(PLAIN_VIRTIO, ipPacket({ ...fromA, destination: pod.c4, transport: udpDatagram([]) }));
  for (let number = 0; number < 3 * memory.slots; number++) node.send(PLAIN_VIRTIO, udp());
  t.is(taken(node, memory).drops.length, 1);
});

test('the newest may be asked for alone, and more of them later', (t) => {
  const memory = createFlightRecorderMemory(MIB, 1);
  const { recorder } = recorderOf(memory);
  for (let number = 1; number <= 50; number++) {
    recorder.dropped(0, number, 0, 60, 1, 0, DropReason.noRoute);
    recorder.endTurn();
  }
  t.deepEqual(
    readFlightRecorder(memory, { drops: 3 }).drops.map(({ peer }) => peer),
    [48, 49, 50],
  );
  const records = flightRecords(memory, 'drops', 0);
  t.is(records.next().value?.peer, 50);
  for (let number = 0; number < 10_000; number++) recorder.dropped(0, 99, 0, 60, 1, 0, DropReason.noRoute);
  t.is(records.next().value?.peer, 49);
});

test('each worker has records of its own', (t) => {
  const memory = createFlightRecorderMemory(MIB, 2);
  for (const worker of [0, 1]) {
    const { recorder } = recorderOf(memory, worker);
    for (let number = 0; number <= worker; number++) recorder.forwarded(Hook.toPod, 1, number, 0, 60, 1, 0);
    recorder.endTurn();
  }
  const peersOf = (worker: number): number[] => [...flightRecords(memory, 'packets', worker)].map(({ peer }) => peer);
  t.deepEqual(peersOf(0), [0]);
  t.deepEqual(peersOf(1), [1, 0]);
});

test('the numbers of records may pass 2^32', (t) => {
  const memory = createFlightRecorderMemory(0, 1);
  const { recorder } = recorderOf(memory);
  const count = memory.slots + memory.slots / 2;
  for (let number = 0; number < count; number++) recorder.forwarded(Hook.toPod, 1, number, 0, 60, 1, 0);
  recorder.endTurn();
  const before = readFlightRecorder(memory).packets;
  // As if the first had been number 2^32 - slots: its place in the ring is the same.
  const rings = flightRings(memory, 0);
  const words = new Int32Array(memory.buffer, rings.packets, (memory.slots * FLIGHT_SLOT_BYTES) / 4);
  for (let slot = 0; slot < memory.slots; slot++) {
    words[(slot * FLIGHT_SLOT_BYTES + FlightField.number) / 4]! -= memory.slots;
  }
  new Int32Array(memory.buffer, rings.head, 1)[0] = count - memory.slots;
  t.deepEqual(readFlightRecorder(memory).packets, before);
  t.is(before.length, memory.slots - 2 * FLIGHT_UNTOLD_SLOTS);
  t.is(flightCoverage(memory, 'packets').records, before.length);
});

test('what lies at the very end of the memory is remembered, too', (t) => {
  const memory = createFlightRecorderMemory(0, 1);
  const { recorder, bytes } = recorderOf(memory);
  const packet = udp(2);
  const at = bytes.length - packet.length;
  bytes.set(packet, at);
  recorder.forwarded(Hook.toPod, 1, 1, at, packet.length, 1, 0);
  recorder.endTurn();
  t.deepEqual(readFlightRecorder(memory).packets[0]!.header, packet.slice(0, 28));
});

test('the memory is as large as was said, and never nothing', (t) => {
  t.true(createFlightRecorderMemory(16 * MIB, 1).buffer.byteLength <= 16 * MIB + 1024);
  t.is(createFlightRecorderMemory(16 * MIB, 1).slots, 65_536);
  t.is(createFlightRecorderMemory(16 * MIB, 4).slots, 16_384);
  t.is(createFlightRecorderMemory(0, 4).slots, 4 * FLIGHT_UNTOLD_SLOTS);
});

test('a reader never sees half a record, however fast a worker writes', async (t) => {
  const memory = createFlightRecorderMemory(0, 1);
  const thread = new Worker(new URL('../support/recording-worker.ts', import.meta.url), { workerData: memory });
  const deadline = performance.now() + 20_000;
  let [seen, torn] = [0, 0];
  while (seen < 20_000 && performance.now() < deadline) {
    for (const { peer, lengthBytes, generation, header } of readFlightRecorder(memory).packets) {
      seen++;
      const isWhole =
        lengthBytes === peer && generation === peer && header.slice(24, 28).every((octet) => octet === (peer & 0xff));
      if (!isWhole) torn++;
    }
  }
  await thread.terminate();
  t.true(seen >= 20_000);
  t.is(torn, 0);
});
