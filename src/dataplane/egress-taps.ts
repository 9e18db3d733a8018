/**
 * What the taps see of what leaves: the hooks from a pod to the underlay. `egress.ts` says when, this file what is written.
 */
import type { DropReason } from './drop-reason.ts';
import type { ForwardingReader } from './forwarding-table.ts';
import { Hook } from './hook.ts';
import { TapForm } from './tap-record.ts';
import type { Taps } from './taps.ts';
import type { TransmitBatch } from './transmit-batch.ts';

/** What leaves one worker. Marks are those of `Taps`, and not 0 where they are asked for. */
export class EgressTaps {
  readonly #taps: Taps | undefined;
  readonly #forwarding: ForwardingReader;
  readonly #batch: TransmitBatch;
  /** Of the packet in hand. */
  #at = 0;
  #lengthBytes = 0;
  #peer = 0;
  #segments = 1;
  #gsoSize = 0;
  #headerLength = 0;

  constructor(taps: Taps | undefined, forwarding: ForwardingReader, batch: TransmitBatch) {
    this.#taps = taps;
    this.#forwarding = forwarding;
    this.#batch = batch;
  }

  /**
   * What the TUN device gave, `lengthBytes` bytes at `at`, is now in hand.
   *
   * @param peer that it goes to; 0 if it goes nowhere.
   * @param gsoSize payload of each of its segments, 0 if it is no super-packet.
   * @param headerLength of its IP and transport headers then.
   */
  fromPod(
    marks: number,
    at: number,
    lengthBytes: number,
    peer: number,
    segments: number,
    gsoSize: number,
    headerLength: number,
  ): void {
    this.#at = at;
    this.#lengthBytes = lengthBytes;
    this.#peer = peer;
    this.#segments = segments;
    this.#gsoSize = gsoSize;
    this.#headerLength = headerLength;
    this.#record(Hook.fromPod, marks, -1);
  }

  /** The packet in hand has a route, and is cut to what that carries. */
  route(marks: number, segments: number, gsoSize: number): void {
    this.#segments = segments;
    this.#gsoSize = gsoSize;
    this.#record(Hook.route, marks, -1);
  }

  /** The packet in hand goes nowhere. */
  dropped(marks: number, reason: DropReason): void {
    this.#record(Hook.drop, marks, reason);
  }

  /** The packet in hand became the datagrams from number `first` on, which are marked. */
  encapsulated(marks: number, first: number): void {
    const { datagramCount, marks: marksOf } = this.#batch;
    marksOf.fill(marks, first, datagramCount);
    for (let datagram = first; datagram < datagramCount; datagram++) {
      this.#taps!.recordDatagram(Hook.encapsulate, this.#forwarding, this.#batch, datagram, 0, 0, -1);
    }
  }

  /** Datagram `datagram` was taken by the kernel. */
  sent(datagram: number): void {
    this.#taps!.recordDatagram(Hook.toUnderlay, this.#forwarding, this.#batch, datagram, 0, 0, -1);
  }

  /** Datagram `datagram` could not be sent. */
  failed(datagram: number, reason: DropReason): void {
    this.#taps!.recordDatagram(Hook.drop, this.#forwarding, this.#batch, datagram, 0, 0, reason);
  }

  #record(hook: Hook, marks: number, reason: DropReason | -1): void {
    const taps = this.#taps!;
    taps.direction = 0;
    taps.form = TapForm.virtio;
    taps.reason = reason;
    taps.peer = this.#peer;
    taps.segments = this.#segments;
    taps.gsoSize = this.#gsoSize;
    taps.headerLength = this.#headerLength;
    taps.outer.family = 0;
    taps.record(hook, marks, this.#at, this.#lengthBytes);
  }
}
