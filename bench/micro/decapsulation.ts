/** The way in for single packets, from a received datagram to a packet in the batch, its checksum verified. */
import { ENCAPSULATION_LENGTH } from '../../src/dataplane/encapsulation.ts';
import { encapsulated, OverlayNode, underlay } from '../../test/support/overlay-node.ts';
import type { MicroBenchmark } from './micro-benchmark.ts';
import { SLOT_AT, udpPacket } from './packet-source.ts';

/** VXLAN, Ethernet, IP and UDP headers: all that is ever overwritten. */
const HEAD_BYTES = ENCAPSULATION_LENGTH + 28;

export const decapsulation: readonly MicroBenchmark[] = ([64, 1400] as const).map((payloadBytes): MicroBenchmark => ({
  name: `decapsulation, UDP ${payloadBytes} bytes`,
  unit: 'packet',
  unitsPerRepetition: 1,
  prepare: () => prepare(payloadBytes),
}));

function prepare(payloadBytes: number): (repetitions: number) => void {
  const { memory, ingress, deliveryBatch } = new OverlayNode('b');
  const datagram = encapsulated(udpPacket(payloadBytes));
  const senderAt = memory.length - 16;
  memory.set(datagram, SLOT_AT);
  memory.set(underlay.a, senderAt);
  return (repetitions) => {
    for (let repetition = 0; repetition < repetitions; repetition++) {
      for (let index = 0; index < HEAD_BYTES; index++) memory[SLOT_AT + index] = datagram[index]!;
      ingress.push(SLOT_AT, datagram.length, 0, 4, senderAt, 0);
      ingress.flush();
      const count = deliveryBatch.packetCount;
      for (let packet = 0; packet < count; packet++) ingress.delivered(packet);
      ingress.clear();
      if (count === 0) throw new RangeError('the datagram was dropped');
    }
  };
}
