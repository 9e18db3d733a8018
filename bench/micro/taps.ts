/**
 * What it costs that packets may be looked at: a filter and the flight recorder by themselves; and both ways without a capture,
 * with one whose filter wants nothing, with one that takes all, and with the flight recorder. The last are of a turn of 32 packets.
 */
import { compileFilter } from '../../src/capture/bpf-compiler.ts';
import type { BpfProgram } from '../../src/capture/bpf-program.ts';
import { ENCAPSULATION_LENGTH } from '../../src/dataplane/encapsulation.ts';
import { createFlightRecorderMemory } from '../../src/dataplane/flight-recorder.ts';
import { Hook } from '../../src/dataplane/hook.ts';
import { TapRingReader } from '../../src/dataplane/tap-ring.ts';
import { encapsulated, MTU, OverlayNode, PEER, underlay } from '../../test/support/overlay-node.ts';
import { capture } from '../../test/support/tap-records.ts';
import type { MicroBenchmark } from './micro-benchmark.ts';
import { readOfDatagram, SLOT_AT, udpPacket } from './packet-source.ts';

const PAYLOAD_BYTES = 64;
/** virtio-net, IP and UDP headers; VXLAN, Ethernet, IP and UDP headers: all that is ever overwritten. */
const EGRESS_HEAD_BYTES = 10 + 28;
const INGRESS_HEAD_BYTES = ENCAPSULATION_LENGTH + 28;
const RECORDER_BYTES = 16 * 1024 * 1024;

/** `tcp port 80` on raw IP, as libpcap 1.10 compiles it: what people ask for, and UDP packets are not. */
const TCP_PORT_80: BpfProgram = [
  [0x30, 0, 0, 0],
  [0x54, 0, 0, 0xf0],
  [0x15, 0, 6, 0x60],
  [0x30, 0, 0, 6],
  [0x15, 0, 15, 6],
  [0x28, 0, 0, 40],
  [0x15, 12, 0, 80],
  [0x28, 0, 0, 42],
  [0x15, 10, 11, 80],
  [0x30, 0, 0, 0],
  [0x54, 0, 0, 0xf0],
  [0x15, 0, 8, 0x40],
  [0x30, 0, 0, 9],
  [0x15, 0, 6, 6],
  [0x28, 0, 0, 6],
  [0x45, 4, 0, 0x1fff],
  [0xb1, 0, 0, 0],
  [0x48, 0, 0, 0],
  [0x15, 0, 1, 80],
  [0x06, 0, 0, 262_144],
  [0x06, 0, 0, 0],
];

const variants = {
  'no capture': () => [new OverlayNode('a'), new OverlayNode('b')],
  'a capture of nothing': () => [capturing('a', TCP_PORT_80), capturing('b', TCP_PORT_80)],
  'a capture of everything': () => [capturing('a', undefined), capturing('b', undefined)],
  'the flight recorder': () => [recording('a'), recording('b')],
} satisfies Record<string, () => readonly OverlayNode[]>;

/** Of the node that captures everything: taken out as fast as they come. */
const readers = new Map<OverlayNode, TapRingReader>();

const around: readonly MicroBenchmark[] = Object.entries(variants).flatMap(([name, nodes]) => [
  {
    name: `encapsulation, UDP ${PAYLOAD_BYTES} bytes, ${name}`,
    unit: 'packet',
    unitsPerRepetition: 1,
    prepare: () => sending(nodes()[0]!),
  },
  {
    name: `decapsulation, UDP ${PAYLOAD_BYTES} bytes, ${name}`,
    unit: 'packet',
    unitsPerRepetition: 1,
    prepare: () => receiving(nodes()[1]!),
  },
]);

export const taps: readonly MicroBenchmark[] = [
  {
    name: 'tap, a filter that wants nothing',
    unit: 'packet',
    unitsPerRepetition: 1,
    prepare: judging,
  },
  {
    name: 'flight recorder, a packet',
    unit: 'packet',
    unitsPerRepetition: 1,
    prepare: remembering,
  },
  ...around,
];

/** What a capture costs a packet that it does not want, by itself. */
function judging(): (repetitions: number) => void {
  const { memory, taps: asked } = capturing('a', TCP_PORT_80);
  const packet = udpPacket(PAYLOAD_BYTES);
  memory.set(packet, SLOT_AT);
  return (repetitions) => {
    let marks = 0;
    for (let repetition = 0; repetition < repetitions; repetition++) {
      if (asked.egress) marks |= asked.judge(SLOT_AT, packet.length, false);
    }
    if (marks !== 0) throw new RangeError('the filter wants it');
  };
}

/** What it costs to remember a packet, by itself. */
function remembering(): (repetitions: number) => void {
  const { memory, recorder } = recording('a');
  const packet = udpPacket(PAYLOAD_BYTES);
  memory.set(packet, SLOT_AT);
  return (repetitions) => {
    for (let repetition = 0; repetition < repetitions; repetition++) {
      recorder!.forwarded(Hook.toUnderlay, 0, PEER, SLOT_AT, packet.length, 1, 0);
      if ((repetition & 31) === 0) recorder!.endTurn();
    }
  };
}

function capturing(name: 'a' | 'b', program: BpfProgram | undefined): OverlayNode {
  const node = new OverlayNode(name);
  const filter = program && compileFilter(program);
  const superFilter = program && compileFilter(program, { segmentsOf: true });
  const [reader] = capture(node.taps, filter === undefined ? {} : { filter, superFilter: superFilter! });
  readers.set(node, reader!);
  return node;
}

function recording(name: 'a' | 'b'): OverlayNode {
  const memory = createFlightRecorderMemory(RECORDER_BYTES, 1);
  return new OverlayNode(name, MTU, undefined, true, false, undefined, memory);
}

function sending(node: OverlayNode): (repetitions: number) => void {
  const { memory, egress, transmitBatch, recorder } = node;
  const reader = readers.get(node);
  const read = readOfDatagram(PAYLOAD_BYTES, 'complete');
  memory.set(read, SLOT_AT);
  return (repetitions) => {
    for (let repetition = 0; repetition < repetitions; repetition++) {
      for (let index = 0; index < EGRESS_HEAD_BYTES; index++) memory[SLOT_AT + index] = read[index]!;
      egress.push(SLOT_AT, read.length);
      const count = transmitBatch.datagramCount;
      for (let datagram = 0; datagram < count; datagram++) egress.sent(datagram);
      egress.clear();
      if ((repetition & 31) === 0) recorder?.endTurn();
      if (reader !== undefined) while (reader.peek() !== undefined) reader.advance();
      if (count === 0) throw new RangeError('the packet was dropped');
    }
  };
}

function receiving(node: OverlayNode): (repetitions: number) => void {
  const { memory, ingress, deliveryBatch, recorder } = node;
  const reader = readers.get(node);
  const datagram = encapsulated(udpPacket(PAYLOAD_BYTES));
  const senderAt = memory.length - 16;
  memory.set(datagram, SLOT_AT);
  memory.set(underlay.a, senderAt);
  return (repetitions) => {
    for (let repetition = 0; repetition < repetitions; repetition++) {
      for (let index = 0; index < INGRESS_HEAD_BYTES; index++) memory[SLOT_AT + index] = datagram[index]!;
      ingress.push(SLOT_AT, datagram.length, 0, 4, senderAt, 0);
      ingress.flush();
      const count = deliveryBatch.packetCount;
      for (let packet = 0; packet < count; packet++) ingress.delivered(packet);
      ingress.clear();
      if ((repetition & 31) === 0) recorder?.endTurn();
      if (reader !== undefined) while (reader.peek() !== undefined) reader.advance();
      if (count === 0) throw new RangeError('the datagram was dropped');
    }
  };
}
