/**
 * What the taps see of what comes in: the hooks from the underlay to a pod, or to another peer. `ingress.ts` says when, this
 * file what is written.
 */
import { copyOctets } from '../wire/octets.ts';
import {
  GsoType,
  VIRTIO_NET_HEADER_LENGTH,
  readGsoSize,
  readGsoType,
  readVirtioHeaderLength,
} from '../wire/virtio-net.ts';
import type { DeliveryBatch } from './delivery-batch.ts';
import { encodeDeliveryHeader } from './delivery-header.ts';
import type { DropReason } from './drop-reason.ts';
import { ENCAPSULATION_LENGTH } from './encapsulation.ts';
import { Hook } from './hook.ts';
import type { InnerPacket } from './inner-packet.ts';
import { TapForm } from './tap-record.ts';
import type { Taps } from './taps.ts';

/** What comes to one worker. Marks are those of `Taps`, and not 0 where they are asked for. */
export class IngressTaps {
  readonly #taps: Taps | undefined;
  readonly #memory: Uint8Array;
  readonly #batch: DeliveryBatch;
  readonly #overlayMtuBytes: number;
  readonly #direction: 0 | 1;
  /** Of whoever sent it. */
  #family: 4 | 6 = 4;
  #addressAt = 0;
  #port = 0;
  #trafficClass = 0;
  #sender = 0;
  /** Of the datagram in hand. */
  #at = 0;
  #lengthBytes = 0;
  #peer = 0;
  #segments = 1;
  #gsoSize = 0;
  #headerLength = 0;

  /**
   * @param overlayMtuBytes what is longer may be a super-packet.
   * @param direction 0 for what this node itself tells its pods.
   */
  constructor(
    taps: Taps | undefined,
    memory: Uint8Array,
    batch: DeliveryBatch,
    overlayMtuBytes: number,
    direction: 0 | 1 = 1,
  ) {
    this.#taps = taps;
    this.#memory = memory;
    this.#batch = batch;
    this.#overlayMtuBytes = overlayMtuBytes;
    this.#direction = direction;
  }

  /** Whether any capture wants anything of what comes in. */
  get isOn(): boolean {
    return this.#taps !== undefined && this.#taps.ingress;
  }

  /** What comes next was sent by `peer`, -1 if it is none: several datagrams, if the kernel joined them. */
  sender(peer: number, family: 4 | 6, addressAt: number, port: number, trafficClass: number): void {
    this.#sender = peer === -1 ? 0 : peer;
    this.#family = family;
    this.#addressAt = addressAt;
    this.#port = port;
    this.#trafficClass = trafficClass;
  }

  /**
   * A datagram of that sender, `paddedBytes` bytes at `at` of which `lengthBytes` mean something, is now in hand, and nobody
   * looked into it. Returns its marks. It is recorded once {@link settled} says what it is.
   *
   * @param groSize what the kernel said beside it, or 0.
   */
  fromUnderlay(at: number, paddedBytes: number, lengthBytes: number, groSize: number): number {
    const taps = this.#taps!;
    const innerBytes = lengthBytes - ENCAPSULATION_LENGTH;
    const isSuper = groSize > 0 || innerBytes > this.#overlayMtuBytes;
    const marks = taps.judge(at + ENCAPSULATION_LENGTH, innerBytes, isSuper);
    if (marks === 0) return 0;
    this.#at = at;
    this.#lengthBytes = paddedBytes;
    this.#peer = this.#sender;
    this.#segments = 1;
    // Of what may be a super-packet, all is kept: how it is cut into segments is not known yet.
    this.#gsoSize = isSuper ? 1 : 0;
    this.#headerLength = 0;
    this.#describeDatagram(-1);
    taps.recordUnsettled(Hook.fromUnderlay, marks, at, paddedBytes);
    return marks;
  }

  /** As {@link fromUnderlay} and {@link dropped}, for `segments` datagrams in one that cannot be taken apart. */
  unreadable(at: number, lengthBytes: number, segments: number, reason: DropReason): void {
    const taps = this.#taps!;
    const marks = taps.judgeWithoutPacket();
    if (marks === 0) return;
    this.#at = at;
    this.#lengthBytes = lengthBytes;
    this.#peer = this.#sender;
    this.#segments = segments;
    this.#gsoSize = 0;
    this.#headerLength = 0;
    this.#describeDatagram(-1);
    taps.record(Hook.fromUnderlay, marks, at, lengthBytes);
    this.dropped(marks, reason);
  }

  /** The datagram in hand stands for so many packets. */
  settled(segments: number, gsoSize: number, headerLength: number): void {
    const taps = this.#taps!;
    taps.segments = this.#segments = segments;
    taps.gsoSize = this.#gsoSize = gsoSize;
    taps.headerLength = this.#headerLength = headerLength;
    taps.settle();
  }

  /** The datagram in hand goes nowhere. */
  dropped(marks: number, reason: DropReason): void {
    this.#describeDatagram(reason);
    this.#taps!.record(Hook.drop, marks, this.#at, this.#lengthBytes);
  }

  /** The packet in the datagram in hand is good. The bytes before it are overwritten. */
  decapsulated(marks: number, packet: InnerPacket, isPartial: boolean): void {
    const taps = this.#taps!;
    if (!taps.wants(Hook.decapsulate)) return;
    this.#describe(isPartial ? TapForm.virtio : TapForm.inner, -1);
    if (!isPartial) {
      taps.record(Hook.decapsulate, marks, packet.at, packet.lengthBytes);
      return;
    }
    const at = packet.at - VIRTIO_NET_HEADER_LENGTH;
    encodeDeliveryHeader(packet, this.#gsoSize, this.#headerLength, true, this.#memory, at);
    taps.record(Hook.decapsulate, marks, at, VIRTIO_NET_HEADER_LENGTH + packet.lengthBytes);
  }

  /** The packet in the datagram in hand, `lengthBytes` bytes at `at`, is for the node itself, which has it. */
  consumed(marks: number, at: number, lengthBytes: number): void {
    this.settled(1, 0, 0);
    this.#describe(TapForm.inner, -1);
    this.#taps!.record(Hook.decapsulate, marks, at, lengthBytes);
  }

  /** Marks of a packet of this node itself. */
  originated(at: number, lengthBytes: number): number {
    return this.#taps!.judge(at, lengthBytes, false);
  }

  /** Packet `packet` of the batch was taken by the TUN device. */
  delivered(packet: number): void {
    this.#recordDelivery(Hook.toPod, packet, -1);
  }

  /** Packet `packet` of the batch could not be written. */
  failed(packet: number, reason: DropReason): void {
    this.#recordDelivery(Hook.drop, packet, reason);
  }

  #recordDelivery(hook: Hook, packet: number, reason: DropReason | -1): void {
    const taps = this.#taps!;
    const { peer, marks, innerPackets, lengthBytes, pieceAt, pieceLengthBytes, firstPiece } = this.#batch;
    const first = firstPiece[packet]!;
    const virtioAt = pieceAt[first]!;
    const isSuper = readGsoType(this.#memory, virtioAt) !== GsoType.none;
    this.#peer = peer[packet]!;
    this.#segments = innerPackets[packet]!;
    this.#gsoSize = isSuper ? readGsoSize(this.#memory, virtioAt) : 0;
    this.#headerLength = isSuper ? readVirtioHeaderLength(this.#memory, virtioAt) : 0;
    this.#describe(TapForm.virtio, reason);
    const bytes = VIRTIO_NET_HEADER_LENGTH + lengthBytes[packet]!;
    taps.recordPieces(hook, marks[packet]!, bytes, pieceAt, pieceLengthBytes, first);
  }

  #describeDatagram(reason: DropReason | -1): void {
    this.#describe(TapForm.datagram, reason);
    const { outer, receivingPort } = this.#taps!;
    outer.family = this.#family;
    outer.trafficClass = this.#trafficClass;
    outer.hopLimit = 0;
    outer.localPort = receivingPort;
    outer.remotePort = this.#port;
    copyOctets(this.#memory, this.#addressAt, outer.remoteAddress, 0, this.#family === 4 ? 4 : 16);
  }

  #describe(form: TapForm, reason: DropReason | -1): void {
    const taps = this.#taps!;
    taps.direction = this.#direction;
    taps.form = form;
    taps.reason = reason;
    taps.peer = this.#peer;
    taps.segments = this.#segments;
    taps.gsoSize = this.#gsoSize;
    taps.headerLength = this.#headerLength;
    taps.outer.family = 0;
  }
}
