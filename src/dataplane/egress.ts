/**
 * From the TUN device to the underlay: what the kernel gives, one packet or super-packet at a time, becomes datagrams in
 * a batch, or is dropped for a reason.
 *
 *     push -> parse -> offload -> destination -> source -> route -> size -> checksum or segments -> batch -> sent | failed
 *
 * Peers get complete, correct inner checksums.
 */
import { onesComplementSum } from '../wire/checksum.ts';
import { writeU16 } from '../wire/octets.ts';
import { finishUdpChecksum } from '../wire/udp.ts';
import {
  GsoType,
  VIRTIO_NET_HEADER_LENGTH,
  VirtioFlag,
  readChecksumOffset,
  readChecksumStart,
  readGsoSize,
  readGsoType,
  readVirtioFlags,
} from '../wire/virtio-net.ts';
import type { Counters } from './counters.ts';
import { DropReason } from './drop-reason.ts';
import { ENCAPSULATION_LENGTH, encodeEncapsulation } from './encapsulation.ts';
import { flowHash } from './flow-hash.ts';
import type { ForwardingReader } from './forwarding-table.ts';
import { InnerFault, InnerPacket } from './inner-packet.ts';
import { HEADER_PIECE_BYTES, segmentInto } from './segmentation.ts';
import { MAX_SEGMENTS, judgeOffload, segmentCount } from './super-packet.ts';
import type { TransmitBatch } from './transmit-batch.ts';
import { isRoutableUnicast } from './unicast.ts';

// What the memory of a worker must be like for `Egress`, said where it is needed.
export { EGRESS_HEADROOM } from './encapsulation.ts';
export { HEADER_PIECE_BYTES } from './segmentation.ts';
export { MAX_SEGMENTS } from './super-packet.ts';

/** Least size of {@link EgressOptions.headerArea}, in bytes: for the super-packet with the most segments. */
export const MIN_HEADER_AREA_LENGTH = MAX_SEGMENTS * HEADER_PIECE_BYTES;

export interface EgressOptions {
  /** The worker's whole memory; all offsets are into it. */
  readonly memory: Uint8Array;
  /** Where headers of segments are written: a multiple of {@link MIN_HEADER_AREA_LENGTH} allows batches. */
  readonly headerArea: { readonly at: number; readonly lengthBytes: number };
  readonly forwarding: ForwardingReader;
  readonly counters: Counters;
  /** Room for at least `MAX_SEGMENTS` datagrams of two pieces; a multiple of it allows batches. */
  readonly batch: TransmitBatch;
  readonly vni: number;
  /** How many sending sockets flows are spread over. */
  readonly sendingSockets: number;
}

/** One worker's way out. Nothing here throws for any bytes, and nothing allocates. */
export class Egress {
  readonly #memory: Uint8Array;
  readonly #headerStart: number;
  readonly #headerEnd: number;
  readonly #forwarding: ForwardingReader;
  readonly #counters: Counters;
  readonly #batch: TransmitBatch;
  readonly #vni: number;
  readonly #sendingSockets: number;
  readonly #packet = new InnerPacket();
  #headerNext: number;
  /** Of the packet in hand: how many segments it stands for. */
  #segments = 1;
  /** Of the packet in hand: IP and transport header, if it is a super-packet. */
  #headerLength = 0;
  /** Of the packet in hand: the peer it goes to. */
  #peer = 0;

  /** @throws RangeError if batch or header area cannot take the largest super-packet. */
  constructor(options: EgressOptions) {
    const { headerArea, batch } = options;
    if (headerArea.lengthBytes < MIN_HEADER_AREA_LENGTH) {
      throw new RangeError(`a header area of ${headerArea.lengthBytes} bytes is below ${MIN_HEADER_AREA_LENGTH}`);
    }
    if (batch.maxDatagrams < MAX_SEGMENTS || batch.maxPieces < 2 * MAX_SEGMENTS) {
      throw new RangeError(`a batch of ${batch.maxDatagrams} datagrams is below ${MAX_SEGMENTS} of two pieces`);
    }
    this.#memory = options.memory;
    this.#headerStart = headerArea.at;
    this.#headerEnd = headerArea.at + headerArea.lengthBytes;
    this.#headerNext = this.#headerStart;
    this.#forwarding = options.forwarding;
    this.#counters = options.counters;
    this.#batch = batch;
    this.#vni = options.vni;
    this.#sendingSockets = options.sendingSockets;
  }

  /** Whether another packet, however large, may be pushed. If not, send the batch and {@link clear} it. */
  hasRoom(): boolean {
    const batch = this.#batch;
    return (
      batch.datagramCount + MAX_SEGMENTS <= batch.maxDatagrams &&
      batch.pieceCount + 2 * MAX_SEGMENTS <= batch.maxPieces &&
      this.#headerNext + MIN_HEADER_AREA_LENGTH <= this.#headerEnd
    );
  }

  /**
   * Takes what one read of the TUN device gave: `lengthBytes` bytes at `at`, the virtio-net header first. They belong to
   * the batch until {@link clear}, and so do the `EGRESS_HEADROOM` bytes before them, which are overwritten.
   */
  push(at: number, lengthBytes: number): void {
    const reason = this.#judge(at, lengthBytes);
    const segments = this.#segments;
    const packetBytes = Math.max(0, lengthBytes - VIRTIO_NET_HEADER_LENGTH);
    this.#counters.egressReceived(segments, packetBytes + (segments - 1) * this.#headerLength);
    if (reason !== -1) {
      this.#counters.drop(reason, segments);
      return;
    }
    this.#counters.egressQueued(segments);
    if (segments === 1) this.#forwardOne(at);
    else this.#forwardSegments(at);
  }

  /** Datagram `datagram` of the batch has left. To be called once per datagram, or {@link failed}. */
  sent(datagram: number): void {
    this.#counters.egressSent(1, this.#batch.lengthBytes[datagram]! - ENCAPSULATION_LENGTH);
  }

  /** The datagram could not be sent. */
  failed(_datagram: number, reason: DropReason): void {
    this.#counters.egressFailed(1, reason);
  }

  /** Forgets the batch. Each of its datagrams was reported before: one that was not stays `queued` in the accounts. */
  clear(): void {
    this.#batch.clear();
    this.#headerNext = this.#headerStart;
  }

  /** Why the packet must not pass, or -1. Fills in the facts about the packet in hand. */
  #judge(at: number, lengthBytes: number): DropReason | -1 {
    const memory = this.#memory;
    const packet = this.#packet;
    this.#segments = 1;
    if (lengthBytes < VIRTIO_NET_HEADER_LENGTH) return DropReason.offloadMalformed;
    const fault = packet.parse(memory, at + VIRTIO_NET_HEADER_LENGTH, lengthBytes - VIRTIO_NET_HEADER_LENGTH);
    if (fault !== InnerFault.none) return faultReason[fault];
    const offloadReason = this.#judgeOffload(at);
    if (offloadReason !== -1) return offloadReason;
    const { family } = packet;
    if (!isRoutableUnicast(memory, packet.destinationAt, family)) return DropReason.destinationNotUnicast;
    if (this.#forwarding.lookup(memory, packet.sourceAt, family) !== 0) return DropReason.sourceNotLocal;
    const peer = this.#forwarding.lookup(memory, packet.destinationAt, family);
    if (peer === -1) return DropReason.noRoute;
    if (peer === 0) return DropReason.destinationLocal;
    this.#peer = peer;
    const longest = this.#segments === 1 ? packet.lengthBytes : this.#headerLength + readGsoSize(memory, at);
    return longest > this.#forwarding.mtuOf(peer) ? DropReason.packetTooBig : -1;
  }

  #judgeOffload(at: number): DropReason | -1 {
    const memory = this.#memory;
    const packet = this.#packet;
    if (readGsoType(memory, at) === GsoType.none) return judgeOffload(memory, at, packet, 0);
    const transportHeaderLength = packet.transportHeaderLength(memory);
    const headerLength = transportHeaderLength === 0 ? 0 : packet.transportAt - packet.at + transportHeaderLength;
    const reason = judgeOffload(memory, at, packet, headerLength);
    if (reason === -1 || reason === DropReason.tooManySegments) {
      this.#headerLength = headerLength;
      this.#segments = segmentCount(packet.lengthBytes - headerLength, readGsoSize(memory, at));
    }
    return reason;
  }

  #forwardOne(at: number): void {
    const memory = this.#memory;
    const packet = this.#packet;
    if ((readVirtioFlags(memory, at) & VirtioFlag.needsChecksum) !== 0) {
      completeChecksum(memory, packet, readChecksumStart(memory, at), readChecksumOffset(memory, at));
    }
    const headerAt = packet.at - ENCAPSULATION_LENGTH;
    encodeEncapsulation(this.#forwarding, this.#peer, this.#vni, packet.family, memory, headerAt);
    this.#batch.datagram(this.#peer, flowHash(memory, packet) % this.#sendingSockets);
    this.#batch.piece(headerAt, ENCAPSULATION_LENGTH + packet.lengthBytes);
  }

  #forwardSegments(at: number): void {
    const memory = this.#memory;
    const packet = this.#packet;
    const gsoSize = readGsoSize(memory, at);
    const socket = flowHash(memory, packet) % this.#sendingSockets;
    const headerAt = this.#headerNext;
    encodeEncapsulation(this.#forwarding, this.#peer, this.#vni, packet.family, memory, headerAt);
    const headerLength = this.#headerLength;
    this.#headerNext = segmentInto(this.#batch, memory, packet, headerLength, gsoSize, this.#peer, socket, headerAt);
  }
}

/** Turns a partial checksum into a complete one. The field holds the sum of the pseudo-header, so it is just summed too. */
function completeChecksum(bytes: Uint8Array, packet: InnerPacket, start: number, offset: number): void {
  const sum = onesComplementSum(bytes, packet.at + start, packet.lengthBytes - start, 0);
  // Never 0: it means "none" in UDP, and is the same number as 0xffff elsewhere.
  writeU16(bytes, packet.at + start + offset, finishUdpChecksum(sum));
}

/** What each fault of a packet is called in this direction. */
const faultReason: Readonly<Record<Exclude<InnerFault, typeof InnerFault.none>, DropReason>> = {
  [InnerFault.notIp]: DropReason.packetNotIp,
  [InnerFault.truncated]: DropReason.packetTruncated,
  [InnerFault.badLength]: DropReason.packetBadLength,
  [InnerFault.badExtensions]: DropReason.packetBadExtensions,
};
