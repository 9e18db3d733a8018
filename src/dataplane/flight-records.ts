/**
 * Reading the flight recorders of all workers, while they go on.
 *
 * What is given are headers, and never payload: what a slot has of it is left out here.
 */
import { IpProtocol, readIpVersion } from '../wire/ip.ts';
import {
  IPV4_MIN_HEADER_LENGTH,
  readIpv4FragmentOffset,
  readIpv4HeaderLength,
  readIpv4Protocol,
} from '../wire/ipv4.ts';
import { IPV6_HEADER_LENGTH, readIpv6NextHeader } from '../wire/ipv6.ts';
import { TCP_MIN_HEADER_LENGTH, readTcpHeaderLength } from '../wire/tcp.ts';
import type { DropReason, RecordedReason } from './drop-reason.ts';
import { ENCAPSULATION_LENGTH } from './encapsulation.ts';
import {
  FLIGHT_HEADER_BYTES,
  FLIGHT_HEAD_BYTES,
  FLIGHT_SLOT_BYTES,
  FLIGHT_UNTOLD_SLOTS,
  FlightField,
  FlightForm,
  type FlightRecorderMemory,
  FlightWord,
  flightRings,
} from './flight-recorder.ts';
import type { Hook } from './hook.ts';

/** By CLOCK_MONOTONIC, which `process.hrtime` is. */
export interface FlightTime {
  readonly seconds: number;
  readonly nanoseconds: number;
}

/** A packet, or super-packet, and what became of it. */
export interface FlightRecord extends FlightTime {
  readonly worker: number;
  /** `toUnderlay`, `relay` and `toPod`: it was put into a batch for that; or `drop`; of what policies would deny, `audit`. */
  readonly hook: Hook;
  readonly direction: 'egress' | 'ingress';
  /** Of a drop, and at `audit`. */
  readonly reason: RecordedReason | undefined;
  /** Number of the peer, or way, that it went to (of what came in and was not passed on: came from); 0: none that is known. */
  readonly peer: number;
  /** Number of the forwarding state that it was judged by. */
  readonly generation: number;
  /** Of the inner packet or super-packet, or of the datagram. */
  readonly lengthBytes: number;
  /** How many packets it stands for. */
  readonly segments: number;
  /** Payload of each; 0 if it is no super-packet. */
  readonly gsoSize: number;
  /** IP and transport header of the inner packet, as far as they were kept; of a datagram without one, what VXLAN put before it. */
  readonly header: Uint8Array;
  readonly isDatagram: boolean;
}

/** What a recorder remembers at the moment. */
export interface FlightCoverage {
  /** Records that are there. */
  readonly records: number;
  /** From when on nothing is missing; `undefined`: from the start of the daemon on. */
  readonly since: FlightTime | undefined;
}

/** The two kinds of records. */
export type FlightKind = 'packets' | 'drops';

/**
 * Records of one worker, the newest first, as they were when the first was asked for: one may take some and come back for more
 * later.
 */
export function* flightRecords(
  memory: FlightRecorderMemory,
  kind: FlightKind,
  worker: number,
  limit = Infinity,
): Generator<FlightRecord, undefined> {
  const { slots } = memory;
  const { words, next, oldest } = snapshot(memory, kind, worker);
  const bytes = new Uint8Array(words.buffer);
  const view = new DataView(words.buffer);
  let left = limit;
  for (let number = (next - 1) | 0; ((number - oldest) | 0) >= 0 && left > 0; number = (number - 1) | 0) {
    const at = (number & (slots - 1)) * FLIGHT_SLOT_BYTES;
    // Not the one: it was overwritten while it was copied.
    if (view.getInt32(at + FlightField.number, true) !== number) return;
    yield parseSlot(bytes, view, at, worker);
    left--;
  }
}

/** What is remembered of `kind`, by all workers together. */
export function flightCoverage(memory: FlightRecorderMemory, kind: FlightKind): FlightCoverage {
  let records = 0;
  let since: FlightTime | undefined;
  for (let worker = 0; worker < memory.workers; worker++) {
    const { words, next, oldest, isFull } = viewOf(memory, kind, worker);
    records += (next - oldest) | 0;
    if (!isFull) continue;
    const word = ((oldest & (memory.slots - 1)) * FLIGHT_SLOT_BYTES) / 4;
    const time = { seconds: words[word]! >>> 0, nanoseconds: words[word + 1]! };
    if (since === undefined || byTime(since, time) < 0) since = time;
  }
  return { records, since };
}

function byTime(one: FlightTime, other: FlightTime): number {
  return one.seconds - other.seconds || one.nanoseconds - other.nanoseconds;
}

/** A copy of one ring: `next` is the number of the record after the newest, `oldest` that of the oldest that is whole. */
function snapshot(
  memory: FlightRecorderMemory,
  kind: FlightKind,
  worker: number,
): { readonly words: Int32Array<ArrayBuffer>; readonly next: number; readonly oldest: number } {
  const { words, head, next } = viewOf(memory, kind, worker);
  const copy = new Int32Array(words);
  // The store keeps the load of the head from being done before the copying, which a load alone would not.
  Atomics.store(head, FlightWord.fence, 0);
  return { words: copy, next, oldest: oldestOf(memory, head, kind) };
}

function viewOf(
  memory: FlightRecorderMemory,
  kind: FlightKind,
  worker: number,
): {
  readonly words: Int32Array;
  readonly head: Int32Array;
  readonly next: number;
  readonly oldest: number;
  readonly isFull: boolean;
} {
  const rings = flightRings(memory, worker);
  const head = new Int32Array(memory.buffer, rings.head, FLIGHT_HEAD_BYTES / 4);
  const words = new Int32Array(memory.buffer, rings[kind], (memory.slots * FLIGHT_SLOT_BYTES) / 4);
  const next = Atomics.load(head, FlightWord[kind]);
  const isFull = Atomics.load(head, FlightWord[kind] + 1) !== 0;
  return { words, head, next, oldest: oldestOf(memory, head, kind), isFull };
}

/** Number of the oldest record that is whole: the worker may be further than readers were told. */
function oldestOf({ slots }: FlightRecorderMemory, head: Int32Array, kind: FlightKind): number {
  const next = Atomics.load(head, FlightWord[kind]);
  const whole = slots - 2 * FLIGHT_UNTOLD_SLOTS;
  const isFull = Atomics.load(head, FlightWord[kind] + 1) !== 0;
  return isFull ? (next - whole) | 0 : Math.max(0, next - whole);
}

function parseSlot(bytes: Uint8Array, view: DataView, at: number, worker: number): FlightRecord {
  const reason = view.getInt16(at + FlightField.reason, true);
  const start = at + FlightField.header;
  const isDatagram = bytes[at + FlightField.form] === FlightForm.datagram;
  const keptBytes = Math.min(bytes[at + FlightField.headerBytes]!, FLIGHT_HEADER_BYTES);
  const headerBytes = isDatagram ? ENCAPSULATION_LENGTH : headerLengthOf(bytes, start);
  return {
    seconds: view.getUint32(at + FlightField.seconds, true),
    nanoseconds: view.getUint32(at + FlightField.nanoseconds, true),
    worker,
    hook: bytes[at + FlightField.hook] as Hook,
    direction: bytes[at + FlightField.direction] === 0 ? 'egress' : 'ingress',
    reason: reason === -1 ? undefined : (reason as DropReason),
    peer: view.getUint16(at + FlightField.peer, true),
    generation: view.getUint32(at + FlightField.generation, true),
    lengthBytes: view.getInt32(at + FlightField.lengthBytes, true),
    segments: view.getUint16(at + FlightField.segments, true),
    gsoSize: view.getUint16(at + FlightField.gsoSize, true),
    header: bytes.slice(start, start + Math.min(keptBytes, headerBytes)),
    isDatagram,
  };
}

/** Of the IP packet that begins like this, what a record keeps: headers, and no payload. A copy. */
export function recordedHeader(packet: Uint8Array): Uint8Array {
  // With room behind it, as in a slot: lengths in it may point there.
  const room = new Uint8Array(2 * FLIGHT_HEADER_BYTES);
  room.set(packet.subarray(0, FLIGHT_HEADER_BYTES));
  return room.slice(0, Math.min(packet.length, FLIGHT_HEADER_BYTES, headerLengthOf(room, 0)));
}

/** Length of the IP and transport headers at `at`, of which {@link FLIGHT_HEADER_BYTES} bytes are there, whatever they are. */
function headerLengthOf(bytes: Uint8Array, at: number): number {
  const version = readIpVersion(bytes, at);
  if (version === 4) {
    const length = Math.max(IPV4_MIN_HEADER_LENGTH, readIpv4HeaderLength(bytes, at));
    if (readIpv4FragmentOffset(bytes, at) > 0) return length;
    return length + transportLength(bytes, at + length, readIpv4Protocol(bytes, at));
  }
  if (version !== 6) return 0;
  let protocol = readIpv6NextHeader(bytes, at);
  let length = IPV6_HEADER_LENGTH;
  while (length < FLIGHT_HEADER_BYTES && extensions.has(protocol)) {
    const isFragment = protocol === IpProtocol.fragment;
    protocol = bytes[at + length]!;
    if (isFragment && ((bytes[at + length + 2]! << 8) | (bytes[at + length + 3]! & 0xf8)) > 0) return length + 8;
    length += isFragment ? 8 : 8 + bytes[at + length + 1]! * 8;
  }
  return length >= FLIGHT_HEADER_BYTES ? FLIGHT_HEADER_BYTES : length + transportLength(bytes, at + length, protocol);
}

const extensions: ReadonlySet<number> = new Set([
  IpProtocol.hopByHopOptions,
  IpProtocol.routing,
  IpProtocol.fragment,
  IpProtocol.destinationOptions,
]);

function transportLength(bytes: Uint8Array, at: number, protocol: number): number {
  if (protocol === IpProtocol.tcp) return Math.max(TCP_MIN_HEADER_LENGTH, readTcpHeaderLength(bytes, at));
  // What UDP and ICMP begin with; ICMP errors quote another packet after that.
  const hasPorts = protocol === IpProtocol.udp || protocol === IpProtocol.icmp || protocol === IpProtocol.icmpv6;
  return hasPorts ? 8 : 0;
}
