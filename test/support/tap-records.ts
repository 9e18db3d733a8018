/** What taps wrote, taken out of their ring and made readable. */
import { nameOf } from '../../src/dataplane/drop-reason.ts';
import { FlightRecorder, type FlightRecorderMemory } from '../../src/dataplane/flight-recorder.ts';
import { hooks } from '../../src/dataplane/hook.ts';
import { TAP_HEADER_BYTES, TapField, TapForm } from '../../src/dataplane/tap-record.ts';
import { createTapRingMemory, TapRingReader, TapRingWriter } from '../../src/dataplane/tap-ring.ts';
import { Taps, type PacketFilter, type TapsOptions } from '../../src/dataplane/taps.ts';

export interface TapRecord {
  readonly hook: string;
  readonly direction: 'egress' | 'ingress';
  readonly form: keyof typeof TapForm;
  /** Bits of the captures. */
  readonly captures: number;
  readonly reason: string | undefined;
  readonly worker: number;
  readonly peer: number;
  readonly seconds: number;
  readonly nanoseconds: number;
  readonly lengthBytes: number;
  readonly gsoSize: number;
  readonly headerLength: number;
  readonly segments: number;
  readonly localPort: number;
  readonly remotePort: number;
  readonly family: number;
  readonly trafficClass: number;
  readonly hopLimit: number;
  readonly localAddress: Uint8Array;
  readonly remoteAddress: Uint8Array;
  readonly generation: number;
  readonly lost: number;
  readonly bytes: Uint8Array;
}

/** All hooks, as a mask. */
export const ALL_HOOKS = (1 << hooks.length) - 1;

const RING_BYTES = 2 ** 20;

/** The records that wait in a ring, oldest first. */
export function takeRecords(reader: TapRingReader): TapRecord[] {
  const records: TapRecord[] = [];
  for (let view = reader.peek(); view !== undefined; view = reader.peek()) {
    records.push(parseRecord(view.bytes, view.at));
    reader.advance();
  }
  return records;
}

/** Taps of worker 3 at 198.18.0.1, whose clock counts nanoseconds by the look, and whose sending sockets have ports from 50 000 on. */
export function testTaps(memory: Uint8Array, forwarding: TapsOptions['forwarding']): Taps {
  let nanoseconds = 0;
  return new Taps({
    memory,
    worker: 3,
    forwarding,
    readTime: (time) => time.set([1000, nanoseconds++]),
    copy: (from, fromAt, to, toAt, lengthBytes) => to.set(from.subarray(fromAt, fromAt + lengthBytes), toAt),
    endpoint: {
      family: 4,
      address: Uint8Array.of(198, 18, 0, 1),
      receivingPort: 4789,
      sendingPorts: Array.from({ length: 16 }, (_, socket) => 50_000 + socket),
    },
  });
}

/** The flight recorder of worker 0, whose clock counts nanoseconds by the turn. */
export function testRecorder(
  recorder: FlightRecorderMemory,
  memory: Uint8Array,
  forwarding: TapsOptions['forwarding'],
): FlightRecorder {
  let nanoseconds = 0;
  return new FlightRecorder({
    memory,
    recorder,
    worker: 0,
    forwarding,
    readTime: (time) => {
      time[0] = 1000;
      time[1] = nanoseconds++;
    },
  });
}

export interface TestCapture {
  readonly hooks?: number;
  readonly filter?: PacketFilter;
  readonly superFilter?: PacketFilter;
  readonly snaplenBytes?: number;
}

/** Has `taps` serve these captures, in slots from 0 on, and gives their readers. */
export function capture(taps: Taps, ...captures: readonly TestCapture[]): TapRingReader[] {
  const rings = captures.map(() => createTapRingMemory(RING_BYTES));
  taps.setCaptures(
    captures.map(({ hooks: wanted = ALL_HOOKS, filter, superFilter = filter, snaplenBytes = 65_535 }, slot) => {
      return { slot, hooks: wanted, filter, superFilter, snaplenBytes, ring: new TapRingWriter(rings[slot]!) };
    }),
  );
  return rings.map((ring) => new TapRingReader(ring));
}

function parseRecord(bytes: Uint8Array, at: number): TapRecord {
  const view = new DataView(bytes.buffer, bytes.byteOffset + at);
  const u8 = (field: number): number => view.getUint8(field);
  const u16 = (field: number): number => view.getUint16(field, true);
  const u32 = (field: number): number => view.getUint32(field, true);
  const family = u8(TapField.family);
  const addressAt = (field: number): Uint8Array => bytes.slice(at + field, at + field + (family === 6 ? 16 : 4));
  const reason = view.getInt16(TapField.reason, true);
  const start = at + TAP_HEADER_BYTES;
  const forms = Object.keys(TapForm) as (keyof typeof TapForm)[];
  return {
    hook: hooks[u8(TapField.hook)]!.name,
    direction: u8(TapField.direction) === 0 ? 'egress' : 'ingress',
    form: forms.find((form) => TapForm[form] === u8(TapField.form))!,
    captures: u8(TapField.captures),
    reason: reason === -1 ? undefined : nameOf(reason as never),
    worker: u16(TapField.worker),
    peer: u32(TapField.peer),
    seconds: u32(TapField.seconds),
    nanoseconds: u32(TapField.nanoseconds),
    lengthBytes: u32(TapField.lengthBytes),
    gsoSize: u16(TapField.gsoSize),
    headerLength: u16(TapField.headerLength),
    segments: u32(TapField.segments),
    localPort: u16(TapField.localPort),
    remotePort: u16(TapField.remotePort),
    family,
    trafficClass: u8(TapField.trafficClass),
    hopLimit: u8(TapField.hopLimit),
    localAddress: addressAt(TapField.localAddress),
    remoteAddress: addressAt(TapField.remoteAddress),
    generation: u32(TapField.generation),
    lost: u32(TapField.lost),
    bytes: Uint8Array.from(bytes.subarray(start, start + u32(TapField.capturedBytes))),
  };
}
