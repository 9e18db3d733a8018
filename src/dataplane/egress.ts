/**
 * From the TUN device to the underlay: what the kernel gives, one packet or super-packet at a time, becomes datagrams in
 * a batch, or is dropped for a reason.
 *
 *     push -> parse -> offload -> destination -> source -> route -> fit -> checksum, segments or fragments -> batch
 *     batch -> sent | failed
 *
 * Peers get complete, correct inner checksums, but for those with which Remote Checksum Offload was agreed: a checksum that
 * came partial from the kernel stays partial then, and the VXLAN header says so.
 */
import { IpProtocol } from '../wire/ip.ts';
import { TCP_CHECKSUM_OFFSET } from '../wire/tcp.ts';
import { UDP_CHECKSUM_OFFSET } from '../wire/udp.ts';
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
import {
  ENCAPSULATION_LENGTH,
  OVERHEAD_BYTES,
  announcePartialChecksum,
  canAnnouncePartialChecksum,
  encodeEncapsulation,
} from './encapsulation.ts';
import type { EgressOptions } from './egress-options.ts';
import { EgressTaps } from './egress-taps.ts';
import type { FlightRecorder } from './flight-recorder.ts';
import { flowHash } from './flow-hash.ts';
import type { ForwardingReader } from './forwarding-table.ts';
import { fragmentPacketInto, fragmentSegmentsInto } from './fragmentation.ts';
import { Hook } from './hook.ts';
import type { IcmpErrors } from './icmp-errors.ts';
import { completeChecksum } from './inner-checksum.ts';
import { egressFaultReason } from './inner-fault-reason.ts';
import { InnerFault, InnerPacket } from './inner-packet.ts';
import { isLinkControl } from './link-control.ts';
import type { PeerCounters } from './peer-counters.ts';
import { PeerFit } from './peer-fit.ts';
import { clampSegmentSize } from './segment-size.ts';
import { HEADER_PIECE_BYTES, segmentInto } from './segmentation.ts';
import { MAX_SEGMENTS, judgeOffload, segmentCount } from './super-packet.ts';
import type { Taps } from './taps.ts';
import { type OuterTrafficClass, outerTrafficClass } from './traffic-class.ts';
import { DatagramOwner, TransmitBatch } from './transmit-batch.ts';
import { isRoutableUnicast } from './unicast.ts';
import { isUnreachable } from './unreachable-error.ts';

// What the memory of a worker must be like for `Egress`, said where it is needed.
export { EGRESS_HEADROOM } from './encapsulation.ts';
export { HEADER_PIECE_BYTES } from './segmentation.ts';
export { MAX_SEGMENTS } from './super-packet.ts';

/** Least size of the header area, in bytes: for the super-packet with the most segments. */
export const MIN_HEADER_AREA_LENGTH = MAX_SEGMENTS * HEADER_PIECE_BYTES;

/** One worker's way out. Nothing here throws for any bytes, and nothing allocates. */
export class Egress {
  readonly #memory: Uint8Array;
  readonly #headerStart: number;
  readonly #headerEnd: number;
  readonly #forwarding: ForwardingReader;
  readonly #counters: Counters;
  readonly #peerCounters: PeerCounters;
  readonly #batch: TransmitBatch;
  readonly #vni: number;
  readonly #sendingSockets: number;
  readonly #errors: IcmpErrors;
  readonly #fit: PeerFit;
  readonly #trafficClassRule: OuterTrafficClass;
  /** Which captures want a packet, and what they get to see of it. */
  readonly #captures: Taps | undefined;
  readonly #taps: EgressTaps;
  readonly #recorder: FlightRecorder | undefined;
  /** Segments that are to be fragmented. */
  readonly #segmentBatch = new TransmitBatch(MAX_SEGMENTS, 2 * MAX_SEGMENTS);
  readonly #packet = new InnerPacket();
  #headerNext: number;
  /** Of the packet in hand: how many segments it stands for. */
  #segments = 1;
  /** Of the packet in hand: length of its IP and transport header, if it is a super-packet; else 0. */
  #headerLength = 0;
  /** Of the packet in hand: payload of each of its segments but the last, if it is a super-packet; else 0. */
  #gsoSize = 0;
  /** Of the packet in hand: the peer it goes to, 0 before that is known. */
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
    this.#peerCounters = options.peerCounters;
    this.#batch = batch;
    this.#vni = options.vni;
    this.#sendingSockets = options.sendingSockets;
    this.#errors = options.errors;
    this.#fit = new PeerFit(options.outerFragmentation);
    this.#trafficClassRule = options.trafficClass;
    this.#recorder = options.recorder;
    this.#captures = options.taps;
    this.#taps = new EgressTaps(options.taps, options.forwarding, batch);
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
    let reason = this.#judge(at, lengthBytes);
    const ipAt = at + VIRTIO_NET_HEADER_LENGTH;
    const packetBytes = Math.max(0, lengthBytes - VIRTIO_NET_HEADER_LENGTH);
    const captures = this.#captures;
    const isTapped = captures !== undefined && captures.egress;
    const marks = isTapped ? captures.judge(ipAt, packetBytes, this.#segments > 1) : 0;
    if (marks !== 0) this.#tap(marks, at, lengthBytes);
    if (reason === -1) reason = this.#fitToPeer(at);
    const segments = this.#segments;
    this.#counters.egressReceived(segments, packetBytes + (segments - 1) * this.#headerLength, this.#peer);
    if (reason !== -1) {
      this.#counters.drop(reason, segments, this.#peer);
      this.#recorder?.dropped(0, this.#peer, ipAt, packetBytes, segments, this.#gsoSize, reason);
      if (marks !== 0) this.#taps.dropped(marks, reason);
      if (reason === DropReason.packetTooBig) this.#answerTooBig();
      else if (isUnreachable(reason)) this.#answerUnreachable(reason);
      return;
    }
    const { packets, outerFragments, gsoSize } = this.#fit;
    this.#recorder?.forwarded(Hook.toUnderlay, 0, this.#peer, ipAt, packetBytes, packets, gsoSize);
    if (marks !== 0) this.#taps.route(marks, segments, gsoSize);
    const first = this.#batch.datagramCount;
    const trafficClass = outerTrafficClass(this.#memory, this.#packet, this.#trafficClassRule);
    if (packets > segments) this.#counters.egressOriginated(packets - segments, this.#peer);
    this.#counters.egressQueued(packets);
    if (packets > segments) this.#forwardFragments(at);
    else if (segments === 1) this.#forwardOne(at);
    else this.#forwardSegments();
    if (outerFragments) {
      const mtuBytes = this.#forwarding.mtuOf(this.#peer);
      const overheadBytes = OVERHEAD_BYTES[this.#forwarding.endpointFamily(this.#peer)];
      this.#batch.fragmentOuter(first, ENCAPSULATION_LENGTH + mtuBytes, mtuBytes + overheadBytes);
    }
    if (trafficClass !== 0) this.#batch.trafficClass.fill(trafficClass, first, this.#batch.datagramCount);
    if (marks !== 0) this.#taps.encapsulated(marks, first);
  }

  /** Datagram `datagram` of the batch has left. To be called once per datagram, or {@link failed}. */
  sent(datagram: number): void {
    const batch = this.#batch;
    const lengthBytes = batch.innerLengthBytes[datagram]!;
    this.#counters.egressSent(1, lengthBytes, batch.accountPeer[datagram]!);
    this.#peerCounters.sent(batch.peer[datagram]!, 1, lengthBytes);
    if (batch.outerFragmentBytes[datagram]! > 0) this.#counters.outerFragmented();
    if (batch.marks[datagram] !== 0) this.#taps.sent(datagram);
  }

  /** The datagram could not be sent. */
  failed(datagram: number, reason: DropReason): void {
    this.#counters.egressFailed(1, reason, this.#batch.accountPeer[datagram]!);
    this.#recorder?.unsent(this.#batch, datagram, 0, reason);
    if (this.#batch.marks[datagram] !== 0) this.#taps.failed(datagram, reason);
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
    this.#headerLength = 0;
    this.#gsoSize = 0;
    this.#peer = 0;
    if (lengthBytes < VIRTIO_NET_HEADER_LENGTH) return DropReason.offloadMalformed;
    const fault = packet.parse(memory, at + VIRTIO_NET_HEADER_LENGTH, lengthBytes - VIRTIO_NET_HEADER_LENGTH);
    if (fault !== InnerFault.none) return egressFaultReason[fault];
    const offloadReason = this.#judgeOffload(at);
    if (offloadReason !== -1) return offloadReason;
    const { family } = packet;
    if (!isRoutableUnicast(memory, packet.destinationAt, family)) {
      return isLinkControl(memory, packet) ? DropReason.nodeLinkControl : DropReason.destinationNotUnicast;
    }
    if (this.#forwarding.lookup(memory, packet.sourceAt, family) !== 0) return DropReason.sourceNotLocal;
    const peer = this.#forwarding.lookup(memory, packet.destinationAt, family);
    if (peer === -1) return DropReason.noRoute;
    if (peer === 0) return DropReason.destinationLocal;
    this.#peer = peer;
    return -1;
  }

  #tap(marks: number, at: number, lengthBytes: number): void {
    this.#taps.fromPod(marks, at, lengthBytes, this.#peer, this.#segments, this.#gsoSize, this.#headerLength);
  }

  /** Makes what is in hand fit to what its peer takes. Returns why that is impossible, or -1. */
  #fitToPeer(at: number): DropReason | -1 {
    const memory = this.#memory;
    const packet = this.#packet;
    const fit = this.#fit;
    const mtuBytes = this.#forwarding.mtuOf(this.#peer);
    const reason = fit.judge(memory, packet, this.#headerLength, this.#gsoSize, mtuBytes);
    if (reason !== -1) return reason;
    this.#segments = fit.segments;
    clampSegmentSize(memory, packet, mtuBytes, (readVirtioFlags(memory, at) & VirtioFlag.needsChecksum) !== 0);
    return -1;
  }

  #answerTooBig(): void {
    const { toldMtuBytes } = this.#fit;
    if (toldMtuBytes === 0) return;
    this.#errors.packetTooBig(this.#packet, this.#quotedBytes(), toldMtuBytes);
  }

  #answerUnreachable(reason: DropReason): void {
    const memory = this.#memory;
    const packet = this.#packet;
    const { sourceAt, family } = packet;
    // Who forges the address of a pod elsewhere, or one that nobody has, does not have others told.
    const isForged = reason === DropReason.sourceNotLocal && this.#forwarding.lookup(memory, sourceAt, family) > 0;
    if (isForged || !isRoutableUnicast(memory, sourceAt, family)) return;
    this.#errors.unreachable(packet, this.#quotedBytes(), reason);
  }

  /** Length of the packet in hand, or of its first segment. */
  #quotedBytes(): number {
    return this.#segments === 1 ? this.#packet.lengthBytes : this.#headerLength + this.#gsoSize;
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
      this.#gsoSize = readGsoSize(memory, at);
      this.#segments = segmentCount(packet.lengthBytes - headerLength, this.#gsoSize);
    }
    return reason;
  }

  #forwardOne(at: number): void {
    const memory = this.#memory;
    const packet = this.#packet;
    const needsChecksum = (readVirtioFlags(memory, at) & VirtioFlag.needsChecksum) !== 0;
    const start = readChecksumStart(memory, at);
    const offset = readChecksumOffset(memory, at);
    const isPartial = needsChecksum && this.#mayStayPartial(start, offset);
    if (needsChecksum && !isPartial) completeChecksum(memory, packet, start, offset);
    const headerAt = packet.at - ENCAPSULATION_LENGTH;
    encodeEncapsulation(this.#forwarding, this.#peer, this.#vni, packet.family, memory, headerAt);
    if (isPartial) announcePartialChecksum(this.#vni, packet, memory, headerAt);
    const socket = flowHash(memory, packet) % this.#sendingSockets;
    this.#batch.datagram(DatagramOwner.egress, this.#peer, socket, packet.lengthBytes);
    this.#batch.piece(headerAt, ENCAPSULATION_LENGTH + packet.lengthBytes);
  }

  #forwardSegments(): void {
    const memory = this.#memory;
    const packet = this.#packet;
    const { gsoSize } = this.#fit;
    const socket = flowHash(memory, packet) % this.#sendingSockets;
    const headerAt = this.#headerNext;
    encodeEncapsulation(this.#forwarding, this.#peer, this.#vni, packet.family, memory, headerAt);
    // The checksum of a super-packet is partial, and just where it belongs: `judgeOffload` saw to that.
    const checksumOffset = packet.protocol === IpProtocol.tcp ? TCP_CHECKSUM_OFFSET : UDP_CHECKSUM_OFFSET;
    const isPartial = this.#mayStayPartial(packet.transportAt - packet.at, checksumOffset);
    if (isPartial) announcePartialChecksum(this.#vni, packet, memory, headerAt);
    this.#headerNext = segmentInto(
      this.#batch,
      memory,
      packet,
      this.#headerLength,
      gsoSize,
      isPartial,
      this.#peer,
      socket,
      headerAt,
    );
  }

  /** Whether the peer takes the packet in hand with a partial checksum `offset` bytes after `start`. */
  #mayStayPartial(start: number, offset: number): boolean {
    const packet = this.#packet;
    return this.#forwarding.hasRemoteChecksum(this.#peer) && canAnnouncePartialChecksum(packet, start, offset);
  }

  /** One packet, or each segment of a super-packet, as fragments. Their checksums are complete. */
  #forwardFragments(at: number): void {
    const memory = this.#memory;
    const packet = this.#packet;
    const isSuper = this.#segments > 1;
    const mtuBytes = this.#forwarding.mtuOf(this.#peer);
    const socket = flowHash(memory, packet) % this.#sendingSockets;
    // The virtio-net header is overwritten by what comes next.
    if (!isSuper && (readVirtioFlags(memory, at) & VirtioFlag.needsChecksum) !== 0) {
      completeChecksum(memory, packet, readChecksumStart(memory, at), readChecksumOffset(memory, at));
    }
    const headerAt = isSuper ? this.#headerNext : packet.at - ENCAPSULATION_LENGTH;
    encodeEncapsulation(this.#forwarding, this.#peer, this.#vni, packet.family, memory, headerAt);
    if (isSuper) {
      const { gsoSize } = this.#fit;
      const headerLength = this.#headerLength;
      segmentInto(this.#segmentBatch, memory, packet, headerLength, gsoSize, false, this.#peer, socket, headerAt);
      this.#headerNext = fragmentSegmentsInto(this.#batch, memory, packet, this.#segmentBatch, mtuBytes);
      this.#segmentBatch.clear();
      return;
    }
    this.#headerNext = fragmentPacketInto(this.#batch, memory, packet, mtuBytes, this.#peer, socket, this.#headerNext);
  }
}
