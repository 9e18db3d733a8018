/**
 * Errors that a worker sends to its own pods, into a batch for the TUN device. Their rate is limited (RFC 1812, section 4.3.2.8;
 * RFC 4443, section 2.4 f): one that is not sent is counted, and so is, elsewhere, the packet that was the reason.
 */
import type { IpAddress } from '../wire/address.ts';
import { GsoType, VIRTIO_NET_HEADER_LENGTH, encodeVirtioNet } from '../wire/virtio-net.ts';
import type { Counters } from './counters.ts';
import type { DeliveryBatch } from './delivery-batch.ts';
import { DropReason } from './drop-reason.ts';
import type { FlightRecorder } from './flight-recorder.ts';
import { MAX_ICMP_ERROR_LENGTH, mayAnswer } from './icmp-error.ts';
import { IngressTaps } from './ingress-taps.ts';
import type { InnerPacket } from './inner-packet.ts';
import { SourceBuckets } from './source-buckets.ts';
import type { Taps } from './taps.ts';
import { TokenBucket } from './token-bucket.ts';
import { encodeTooBigError } from './too-big-error.ts';
import { encodeUnreachableError } from './unreachable-error.ts';

/** As Linux has it for all its errors (`net.ipv4.icmp_msgs_per_sec`, `icmp_msgs_burst`), here per worker. */
const RATE_PER_SECOND = 1000;
const BURST = 50;
/** Of those that say that there is no way, for each source: what scans or floods hears no more, and others go on hearing. */
const SOURCE_RATE_PER_SECOND = 100;
const SOURCE_BURST = 10;

/** In whose account errors are: nobody's, as they are for a pod of this node. */
const NO_PEER = 0;

/** Memory for one error, in bytes. */
export const ICMP_ERROR_BYTES = VIRTIO_NET_HEADER_LENGTH + MAX_ICMP_ERROR_LENGTH;

/** Errors that fit into one batch: as many as may be sent at once. */
export const MAX_ICMP_ERRORS = BURST;

export interface IcmpErrorsOptions {
  /** The worker's whole memory; all offsets are into it. */
  readonly memory: Uint8Array;
  /** Where errors are written: {@link MAX_ICMP_ERRORS} times {@link ICMP_ERROR_BYTES}. */
  readonly area: { readonly at: number; readonly lengthBytes: number };
  readonly counters: Counters;
  /** Room for {@link MAX_ICMP_ERRORS} packets of one piece. */
  readonly batch: DeliveryBatch;
  /** This node's addresses in the overlay: errors come from the one of the family. Without one, none are sent. */
  readonly nodeAddresses: readonly IpAddress[];
  /** Where captures look. Without it, there are none. */
  readonly taps?: Taps;
  /** Remembers what became of packets. Without it, nobody does. */
  readonly recorder?: FlightRecorder | undefined;
}

/** One worker's errors. Nothing here throws for any packet, and nothing allocates. */
export class IcmpErrors {
  readonly #memory: Uint8Array;
  readonly #areaAt: number;
  readonly #counters: Counters;
  readonly #batch: DeliveryBatch;
  readonly #address4: Uint8Array | undefined;
  readonly #address6: Uint8Array | undefined;
  /** One for each kind: nobody waits to hear that a packet was too big because of others who look for what is not there. */
  readonly #tooBig = new TokenBucket(RATE_PER_SECOND, BURST);
  readonly #unreachable = new TokenBucket(RATE_PER_SECOND, BURST);
  readonly #unreachableBySource = new SourceBuckets(SOURCE_RATE_PER_SECOND, SOURCE_BURST);
  #nowMs = 0;
  readonly #taps: IngressTaps;
  readonly #recorder: FlightRecorder | undefined;

  /** @throws RangeError if batch or area are too small. */
  constructor(options: IcmpErrorsOptions) {
    const { area, batch } = options;
    if (area.lengthBytes < MAX_ICMP_ERRORS * ICMP_ERROR_BYTES) {
      throw new RangeError(`an area of ${area.lengthBytes} bytes is below ${MAX_ICMP_ERRORS * ICMP_ERROR_BYTES}`);
    }
    if (Math.min(batch.maxPackets, batch.maxPieces) < MAX_ICMP_ERRORS) {
      throw new RangeError(`a batch of ${batch.maxPackets} packets is below ${MAX_ICMP_ERRORS}`);
    }
    this.#memory = options.memory;
    this.#areaAt = area.at;
    this.#counters = options.counters;
    this.#batch = batch;
    this.#recorder = options.recorder;
    this.#taps = new IngressTaps(options.taps, options.memory, batch, 0, 0);
    this.#address4 = options.nodeAddresses.find(({ family }) => family === 4)?.bytes;
    this.#address6 = options.nodeAddresses.find(({ family }) => family === 6)?.bytes;
  }

  /** To be called before the packets of a turn, with a monotonic time: errors become due with it. */
  beginTurn(nowMs: number): void {
    this.#nowMs = nowMs;
    this.#tooBig.refill(nowMs);
    this.#unreachable.refill(nowMs);
  }

  /**
   * Tells the sender of `packet` that it was too big, unless it must not be told.
   *
   * @param lengthBytes of the packet, or of a segment, if it is a super-packet.
   * @param mtuBytes that would do.
   */
  packetTooBig(packet: InnerPacket, lengthBytes: number, mtuBytes: number): void {
    const source = this.#sourceFor(packet);
    if (source === undefined) return;
    if (!this.#hasRoom() || !this.#tooBig.take()) return this.#counters.icmpErrorSuppressed();
    const errorLength = encodeTooBigError(this.#memory, packet, lengthBytes, mtuBytes, source, this.#nextAt());
    this.#add(errorLength);
  }

  /**
   * Tells the sender of `packet` that there is no way for it, unless it must not be told.
   *
   * @param lengthBytes as of {@link packetTooBig}.
   * @param reason why it was dropped: one that `isUnreachable`.
   */
  unreachable(packet: InnerPacket, lengthBytes: number, reason: DropReason): void {
    const source = this.#sourceFor(packet);
    if (source === undefined) return;
    const isAllowed =
      this.#hasRoom() && this.#unreachableBySource.take(this.#memory, packet, this.#nowMs) && this.#unreachable.take();
    if (!isAllowed) return this.#counters.icmpErrorSuppressed();
    this.#add(encodeUnreachableError(this.#memory, packet, lengthBytes, reason, source, this.#nextAt()));
  }

  /** Error `error` of the batch was written. To be called once per error, or {@link failed}. */
  delivered(error: number): void {
    this.#counters.egressDelivered(1, this.#batch.lengthBytes[error]!, NO_PEER);
    this.#recorder?.delivered(this.#batch, error, 0);
    if (this.#batch.marks[error] !== 0) this.#taps.delivered(error);
  }

  /** Error `error` of the batch could not be written. */
  failed(error: number): void {
    this.#counters.egressFailed(1, DropReason.icmpErrorUndelivered, NO_PEER);
    this.#recorder?.undelivered(this.#batch, error, 0, DropReason.icmpErrorUndelivered);
    if (this.#batch.marks[error] !== 0) this.#taps.failed(error, DropReason.icmpErrorUndelivered);
  }

  /** Forgets the batch. Each of its errors was reported before. */
  clear(): void {
    this.#batch.clear();
  }

  /** Where errors about `packet` come from; `undefined` if there are none. */
  #sourceFor(packet: InnerPacket): Uint8Array | undefined {
    const source = packet.family === 4 ? this.#address4 : this.#address6;
    return source !== undefined && mayAnswer(this.#memory, packet) ? source : undefined;
  }

  #hasRoom(): boolean {
    return this.#batch.packetCount < MAX_ICMP_ERRORS;
  }

  /** Where the next error is to be written. */
  #nextAt(): number {
    return this.#areaAt + this.#batch.packetCount * ICMP_ERROR_BYTES + VIRTIO_NET_HEADER_LENGTH;
  }

  /** Puts what was written there into the batch. */
  #add(errorLength: number): void {
    const batch = this.#batch;
    const at = this.#nextAt();
    const virtioAt = at - VIRTIO_NET_HEADER_LENGTH;
    encodeVirtioNet(0, GsoType.none, 0, 0, 0, 0, this.#memory, virtioAt);
    const marks = this.#taps.isOn ? this.#taps.originated(at, errorLength) : 0;
    batch.packet(1, errorLength, errorLength, NO_PEER, marks);
    batch.piece(virtioAt, VIRTIO_NET_HEADER_LENGTH + errorLength);
    this.#counters.egressOriginated(1, NO_PEER);
    this.#counters.egressQueued(1);
  }
}
