/** The way in for the segments of a TCP stream: each is verified, and all together become one super-packet. */
import { ENCAPSULATION_LENGTH } from '../../src/dataplane/encapsulation.ts';
import { encapsulated, OverlayNode, underlay } from '../../test/support/overlay-node.ts';
import type { MicroBenchmark } from './micro-benchmark.ts';
import { SLOT_AT, TCP_HEADERS_BYTES, tcpPacket } from './packet-source.ts';

/** What fits in an overlay MTU of 1450 bytes. */
const PAYLOAD_BYTES = 1410;
const SEGMENTS = 44;
/** VXLAN, Ethernet, IP and TCP headers: all that is ever overwritten. */
const HEAD_BYTES = ENCAPSULATION_LENGTH + TCP_HEADERS_BYTES;

export const coalescing: readonly MicroBenchmark[] = [
  {
    name: `coalescing, TCP ${SEGMENTS} x ${PAYLOAD_BYTES} bytes`,
    unit: 'segment',
    unitsPerRepetition: SEGMENTS,
    prepare,
  },
];

function prepare(): (repetitions: number) => void {
  const { memory, ingress, deliveryBatch } = new OverlayNode('b');
  const datagrams = Array.from({ length: SEGMENTS }, (_, index) => encapsulated(tcpPacket(index, PAYLOAD_BYTES)));
  const lengthBytes = HEAD_BYTES + PAYLOAD_BYTES;
  const senderAt = memory.length - 16;
  datagrams.forEach((datagram, index) => memory.set(datagram, SLOT_AT + index * lengthBytes));
  memory.set(underlay.a, senderAt);
  return (repetitions) => {
    for (let repetition = 0; repetition < repetitions; repetition++) {
      for (let segment = 0; segment < SEGMENTS; segment++) {
        const at = SLOT_AT + segment * lengthBytes;
        const datagram = datagrams[segment]!;
        for (let index = 0; index < HEAD_BYTES; index++) memory[at + index] = datagram[index]!;
        ingress.push(at, lengthBytes, 0, 4, senderAt, 0);
      }
      ingress.flush();
      const count = deliveryBatch.packetCount;
      for (let packet = 0; packet < count; packet++) ingress.delivered(packet);
      ingress.clear();
      if (count !== 1) throw new RangeError(`${SEGMENTS} segments became ${count} packets`);
    }
  };
}
