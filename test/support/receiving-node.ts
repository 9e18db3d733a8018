/** Node B with room for a whole batch of received datagrams. */
import { Counters, createCountersMemory } from '../../src/dataplane/counters.ts';
import { DeliveryBatch } from '../../src/dataplane/delivery-batch.ts';
import { Ingress, MAX_PACKETS_PER_DATAGRAM } from '../../src/dataplane/ingress.ts';
import { COALESCING, type DeliveredPacket, MTU, OverlayNode, VNI, underlay } from './overlay-node.ts';

const MAX_PACKETS = 4 * MAX_PACKETS_PER_DATAGRAM;

/** A UDP payload, and the `UDP_GRO` size beside it, or 0. */
export interface ReceivedDatagram {
  readonly bytes: Uint8Array;
  readonly groSizeBytes: number;
}

export class ReceivingNode {
  readonly #memory = new Uint8Array(4 * 1024 * 1024);
  readonly #batch = new DeliveryBatch(MAX_PACKETS, MAX_PACKETS);
  readonly #ingress: Ingress;

  constructor(coalescing = COALESCING) {
    this.#ingress = new Ingress({
      memory: this.#memory,
      forwarding: new OverlayNode('b').forwarding,
      counters: new Counters(createCountersMemory(1), 0),
      batch: this.#batch,
      vni: VNI,
      probes: { take: () => false },
      overlayMtuBytes: MTU,
      coalescing,
      ecn: true,
    });
  }

  /** Pushes a batch from node A, and takes what comes out. */
  receive(datagrams: readonly ReceivedDatagram[]): DeliveredPacket[] {
    const memory = this.#memory;
    const batch = this.#batch;
    memory.set(underlay.a, 0);
    let at = 33;
    for (const { bytes, groSizeBytes } of datagrams) {
      if (!this.#ingress.hasRoom() || at + bytes.length > memory.length) throw new Error('this batch is too large');
      memory.set(bytes, at);
      this.#ingress.push(at, bytes.length, groSizeBytes, 4, 0, 0);
      at += bytes.length;
    }
    this.#ingress.flush();
    const delivered = Array.from({ length: batch.packetCount }, (_, packet) => this.#packetOf(packet));
    this.#ingress.clear();
    return delivered;
  }

  #packetOf(packet: number): DeliveredPacket {
    const { pieceAt, pieceLengthBytes, firstPiece, innerPackets } = this.#batch;
    const octets: number[] = [];
    for (let piece = firstPiece[packet]!; piece < firstPiece[packet + 1]!; piece++) {
      const at = pieceAt[piece]!;
      octets.push(...this.#memory.subarray(at, at + pieceLengthBytes[piece]!));
    }
    this.#ingress.delivered(packet);
    const written = Uint8Array.from(octets);
    return { virtio: written.slice(0, 10), packet: written.slice(10), innerPackets: innerPackets[packet]! };
  }
}
