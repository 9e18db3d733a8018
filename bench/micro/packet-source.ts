/**
 * Packets for the rows, and the node that takes them. The node is the one of the tests, so that both follow the dataplane
 * when its constructors change.
 */
import { EGRESS_HEADROOM, MIN_HEADER_AREA_LENGTH } from '../../src/dataplane/egress.ts';
import { ipPacket, makePartial, tcpSegment, udpDatagram } from '../../test/support/ip-packet.ts';
import { joined, OverlayNode, PLAIN_VIRTIO, pod, virtioHeader } from '../../test/support/overlay-node.ts';

/** Where a packet is put: behind the area for headers. */
export const SLOT_AT = MIN_HEADER_AREA_LENGTH + 256 + EGRESS_HEADROOM;

/** IP and TCP header. */
export const TCP_HEADERS_BYTES = 40;

const TCP_ACK = 0x10;
const TCP_GSO = 1;
const TCP_CHECKSUM_OFFSET = 16;
const UDP_CHECKSUM_OFFSET = 6;
const IPV4_HEADER_BYTES = 20;

/** What the TUN device gives for a UDP datagram whose checksum is complete, or left to whoever sends it. */
export function readOfDatagram(payloadBytes: number, checksum: 'complete' | 'partial'): Uint8Array {
  const packet = udpPacket(payloadBytes);
  if (checksum === 'complete') return joined([PLAIN_VIRTIO, packet]);
  makePartial(packet);
  return joined([virtioHeader(0, 0, IPV4_HEADER_BYTES, UDP_CHECKSUM_OFFSET), packet]);
}

/** A UDP packet from pod a to pod b. */
export function udpPacket(payloadBytes: number): Uint8Array {
  const transport = udpDatagram(payload(payloadBytes));
  return ipPacket({ source: pod.a4, destination: pod.b4, protocol: 17, transport });
}

/** Segment `index` of a TCP stream from pod a to pod b, its checksum complete. */
export function tcpPacket(index: number, payloadBytes: number): Uint8Array {
  const transport = tcpSegment(1 + index * payloadBytes, TCP_ACK, payload(payloadBytes));
  return ipPacket({ source: pod.a4, destination: pod.b4, protocol: 6, transport, identification: 1 + index });
}

/** What the TUN device gives for a TCP super-packet of `segments` segments. */
export function readOfSuperPacket(segments: number, gsoSize: number): Uint8Array {
  const transport = tcpSegment(1, TCP_ACK, payload(segments * gsoSize));
  const packet = ipPacket({ source: pod.a4, destination: pod.b4, protocol: 6, transport });
  makePartial(packet);
  return joined([virtioHeader(TCP_GSO, gsoSize, IPV4_HEADER_BYTES, TCP_CHECKSUM_OFFSET), packet]);
}

/** Pushes `read` again and again, as if all of it left at once. What the dataplane overwrote is restored: up to `headBytes`. */
export function pushRepeatedly(read: Uint8Array, headBytes: number): (repetitions: number) => void {
  const { memory, egress, transmitBatch } = new OverlayNode('a');
  const head = read.slice(0, headBytes);
  memory.set(read, SLOT_AT);
  return (repetitions) => {
    for (let repetition = 0; repetition < repetitions; repetition++) {
      for (let index = 0; index < headBytes; index++) memory[SLOT_AT + index] = head[index]!;
      egress.push(SLOT_AT, read.length);
      const count = transmitBatch.datagramCount;
      for (let datagram = 0; datagram < count; datagram++) egress.sent(datagram);
      egress.clear();
      if (count === 0) throw new RangeError('the packet was dropped');
    }
  };
}

function payload(lengthBytes: number): number[] {
  return Array.from({ length: lengthBytes }, (_, index) => (index * 7) & 0xff);
}
