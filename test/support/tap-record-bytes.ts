/** Records as a tap would write them, for whoever reads them. */
import { DropReason } from '../../src/dataplane/drop-reason.ts';
import { Hook } from '../../src/dataplane/hook.ts';
import { TAP_HEADER_BYTES, TapField, TapForm } from '../../src/dataplane/tap-record.ts';
import { TapHeader } from '../../src/capture/tap-reader.ts';
import { TappedPackets } from '../../src/capture/tapped-packets.ts';

/** What differs from a packet on its way out that was not dropped. */
export interface RecordFields {
  readonly hook?: Hook;
  readonly direction?: 0 | 1;
  readonly reason?: DropReason | -1;
  readonly gsoSize?: number;
  readonly localPort?: number;
  readonly remotePort?: number;
  readonly trafficClass?: number;
  readonly hopLimit?: number;
  readonly localAddress?: readonly number[];
  readonly remoteAddress?: readonly number[];
  /** How many bytes the tap kept. */
  readonly keptBytes?: number;
}

/** A record of `body`, in the form `form`, with something else before and behind it. */
export function recordOf(form: TapForm, body: Uint8Array | readonly number[], fields: RecordFields = {}): Uint8Array {
  const kept = Math.min(body.length, fields.keptBytes ?? body.length);
  const record = new Uint8Array(TAP_HEADER_BYTES + kept + 64).fill(0xee);
  const view = new DataView(record.buffer);
  view.setUint8(TapField.hook, fields.hook ?? Hook.fromPod);
  view.setUint8(TapField.direction, fields.direction ?? 0);
  view.setUint8(TapField.form, form);
  view.setInt16(TapField.reason, fields.reason ?? -1, true);
  view.setUint32(TapField.lengthBytes, body.length, true);
  view.setUint32(TapField.capturedBytes, kept, true);
  view.setUint16(TapField.gsoSize, fields.gsoSize ?? 0, true);
  view.setUint16(TapField.localPort, fields.localPort ?? 50_000, true);
  view.setUint16(TapField.remotePort, fields.remotePort ?? 4789, true);
  view.setUint8(TapField.family, fields.localAddress?.length === 16 ? 6 : 4);
  view.setUint8(TapField.trafficClass, fields.trafficClass ?? 0);
  view.setUint8(TapField.hopLimit, fields.hopLimit ?? 0);
  record.set(fields.localAddress ?? [198, 18, 0, 1], TapField.localAddress);
  record.set(fields.remoteAddress ?? [198, 18, 0, 2], TapField.remoteAddress);
  record.set(body.slice(0, kept), TAP_HEADER_BYTES);
  return record;
}

/** A packet made of a record. */
export interface MadePacket {
  /** From the outermost IP header on. */
  readonly bytes: Uint8Array;
  readonly lengthBytes: number;
  /** The inner packet, empty if there is none. */
  readonly inner: Uint8Array;
  readonly innerLengthBytes: number;
  readonly segment: string;
  readonly checksum: string;
}

const maker = new TappedPackets();
const header = new TapHeader();

/** All packets of a record. */
export function packetsOf(record: Uint8Array): MadePacket[] {
  const made: MadePacket[] = [];
  header.read(record, 0);
  maker.begin(record, header);
  while (maker.next()) {
    const { bytes, at, capturedBytes, lengthBytes, innerAt, innerCapturedBytes, innerLengthBytes } = maker;
    made.push({
      bytes: bytes.slice(at, at + capturedBytes),
      lengthBytes,
      inner: innerAt === -1 ? new Uint8Array(0) : bytes.slice(innerAt, innerAt + innerCapturedBytes),
      innerLengthBytes,
      segment: `${maker.segment}/${maker.segments}`,
      checksum: maker.checksum,
    });
  }
  return made;
}
