/** Reads the header of a tap's record, see `dataplane/tap-record.ts`. */
import { Hook } from '../dataplane/hook.ts';
import { TAP_HEADER_BYTES, TapField, TapForm } from '../dataplane/tap-record.ts';
import { DropReason } from '../dataplane/drop-reason.ts';
import { readU16le, readU32le } from '../wire/octets.ts';

/** Drops of what was on its way out to another peer, although it had come in. */
const outwardReasons: ReadonlySet<number> = new Set([
  DropReason.relayUnderlayUnreachable,
  DropReason.relaySendBufferFull,
  DropReason.relaySendForbidden,
  DropReason.relaySendFailed,
  DropReason.faultLossRelayed,
  DropReason.faultClipRelayed,
  DropReason.faultQueueFullRelayed,
]);

/** What stands in the header of the record that was read last. One object for all of them. */
export class TapHeader {
  hook: Hook = 0;
  /** 0 egress, 1 ingress. */
  direction = 0;
  form: TapForm = TapForm.virtio;
  captures = 0;
  /** A `DropReason`, or -1. */
  reason = -1;
  worker = 0;
  peer = 0;
  seconds = 0;
  nanoseconds = 0;
  lengthBytes = 0;
  capturedBytes = 0;
  gsoSize = 0;
  segments = 0;
  localPort = 0;
  remotePort = 0;
  family = 0;
  trafficClass = 0;
  hopLimit = 0;
  generation = 0;
  lost = 0;
  /** What stands behind the packet; 0: nothing. */
  noteBytes = 0;
  /** Where in the record's bytes: the addresses of the outer header, and the packet. */
  localAddressAt = 0;
  remoteAddressAt = 0;
  packetAt = 0;

  /** Whether the outer header goes from this node to the other one. */
  get isOutward(): boolean {
    return this.direction === 0 || this.hook === Hook.relay || outwardReasons.has(this.reason);
  }

  /** Reads the header at `at`, of which the ring says that it is whole. */
  read(bytes: Uint8Array, at: number): void {
    this.hook = bytes[at + TapField.hook]! as Hook;
    this.direction = bytes[at + TapField.direction]!;
    this.form = bytes[at + TapField.form]! as TapForm;
    this.captures = bytes[at + TapField.captures]!;
    this.reason = (readU16le(bytes, at + TapField.reason) << 16) >> 16;
    this.worker = readU16le(bytes, at + TapField.worker);
    this.peer = readU32le(bytes, at + TapField.peer);
    this.seconds = readU32le(bytes, at + TapField.seconds);
    this.nanoseconds = readU32le(bytes, at + TapField.nanoseconds);
    this.lengthBytes = readU32le(bytes, at + TapField.lengthBytes);
    this.capturedBytes = readU32le(bytes, at + TapField.capturedBytes);
    this.gsoSize = readU16le(bytes, at + TapField.gsoSize);
    this.segments = readU32le(bytes, at + TapField.segments);
    this.localPort = readU16le(bytes, at + TapField.localPort);
    this.remotePort = readU16le(bytes, at + TapField.remotePort);
    this.family = bytes[at + TapField.family]!;
    this.trafficClass = bytes[at + TapField.trafficClass]!;
    this.hopLimit = bytes[at + TapField.hopLimit]!;
    this.generation = readU32le(bytes, at + TapField.generation);
    this.lost = readU32le(bytes, at + TapField.lost);
    this.noteBytes = this.form === TapForm.kernel ? readU32le(bytes, at + TapField.noteBytes) : 0;
    this.localAddressAt = at + TapField.localAddress;
    this.remoteAddressAt = at + TapField.remoteAddress;
    this.packetAt = at + TAP_HEADER_BYTES;
  }
}
