/**
 * Shows captures the packets that network policies deny, or would deny: as the kernel tells them, and not as workers see them, which never get
 * them. Runs on the main thread, with so many packets at a time as `PolicyLog` takes. Filters are for whoever reads the rings.
 */
import { formatComment } from '../../capture/comment.ts';
import { KernelReason } from '../../dataplane/drop-reason.ts';
import { Hook } from '../../dataplane/hook.ts';
import { TAP_HEADER_BYTES, TapField, TapForm } from '../../dataplane/tap-record.ts';
import { type TapRingMemory, TapRingWriter } from '../../dataplane/tap-ring.ts';
import { readIpVersion } from '../../wire/ip.ts';
import { IPV4_MIN_HEADER_LENGTH, readIpv4TotalLength } from '../../wire/ipv4.ts';
import { IPV6_HEADER_LENGTH, readIpv6PayloadLength } from '../../wire/ipv6.ts';
import type { DeniedPacket } from '../policy/policy-log.ts';

/** A capture that wants them. */
export interface DeniedTap {
  readonly slot: number;
  /** A bit per hook that it wants. */
  readonly hooks: number;
  readonly snaplenBytes: number;
  readonly ring: TapRingMemory;
}

interface OpenTap extends Omit<DeniedTap, 'ring'> {
  readonly ring: TapRingMemory;
  readonly writer: TapRingWriter;
}

const NS_PER_SECOND = 1_000_000_000n;

export class DeniedTaps {
  readonly #realtimeAheadNs: () => bigint;
  readonly #isOutward: (packet: DeniedPacket) => boolean;
  #taps: readonly OpenTap[] = [];

  /**
   * @param realtimeAheadNs how much CLOCK_REALTIME is ahead of CLOCK_MONOTONIC.
   * @param isOutward whether a packet comes from a pod of this node, rather than going to one.
   */
  constructor(realtimeAheadNs: () => bigint, isOutward: (packet: DeniedPacket) => boolean) {
    this.#realtimeAheadNs = realtimeAheadNs;
    this.#isOutward = isOutward;
  }

  /** Has these captures from now on, and no others. */
  set(taps: readonly DeniedTap[]): void {
    // A writer that goes on has the positions of its ring, which are shared.
    this.#taps = taps.map((tap) => ({ ...tap, writer: new TapRingWriter(tap.ring) }));
  }

  /** Writes packets for whom they are wanted. */
  record(packets: readonly DeniedPacket[]): void {
    if (this.#taps.length === 0) return;
    const aheadNs = this.#realtimeAheadNs();
    for (const packet of packets) {
      const { direction, policy, rule, isAudit } = packet.denier;
      const hook = isAudit ? Hook.audit : Hook.drop;
      const words = formatComment({
        ...(direction !== '' && { direction }),
        ...(policy !== '' && { policy }),
        ...(rule !== '' && { rule }),
      });
      const note = new TextEncoder().encode(words);
      for (const tap of this.#taps) {
        if (((tap.hooks >>> hook) & 1) !== 0) this.#write(tap, packet, hook, note, packet.timeNs - aheadNs);
      }
    }
  }

  #write({ slot, snaplenBytes, writer }: OpenTap, packet: DeniedPacket, hook: Hook, note: Uint8Array, atNs: bigint) {
    const captured = packet.packet.subarray(0, snaplenBytes);
    const at = writer.reserve(TAP_HEADER_BYTES + captured.length + note.length);
    if (at === -1) return;
    const { bytes } = writer;
    // The length of the record stands there already.
    bytes.fill(0, at + TapField.hook, at + TAP_HEADER_BYTES);
    const view = new DataView(bytes.buffer, bytes.byteOffset + at, TAP_HEADER_BYTES);
    view.setUint8(TapField.hook, hook);
    view.setUint8(TapField.direction, this.#isOutward(packet) ? 0 : 1);
    view.setUint8(TapField.form, TapForm.kernel);
    view.setUint8(TapField.captures, 1 << slot);
    view.setInt16(TapField.reason, KernelReason.policyDenied, true);
    view.setUint32(TapField.seconds, Number(atNs / NS_PER_SECOND), true);
    view.setUint32(TapField.nanoseconds, Number(atNs % NS_PER_SECOND), true);
    view.setUint32(TapField.lengthBytes, wholeLength(packet.packet), true);
    view.setUint32(TapField.capturedBytes, captured.length, true);
    view.setUint32(TapField.segments, 1, true);
    view.setUint32(TapField.lost, writer.lost, true);
    view.setUint32(TapField.noteBytes, note.length, true);
    bytes.set(captured, at + TAP_HEADER_BYTES);
    bytes.set(note, at + TAP_HEADER_BYTES + captured.length);
    writer.commit();
  }
}

/** Of an IP packet of which the beginning is here: what its header says, and no less than what is here. */
export function wholeLength(packet: Uint8Array): number {
  const version = packet.length < IPV4_MIN_HEADER_LENGTH ? 0 : readIpVersion(packet, 0);
  const isIpv6 = version === 6 && packet.length >= IPV6_HEADER_LENGTH;
  const claimed =
    version === 4 ? readIpv4TotalLength(packet, 0) : isIpv6 ? IPV6_HEADER_LENGTH + readIpv6PayloadLength(packet, 0) : 0;
  return Math.max(packet.length, claimed);
}
