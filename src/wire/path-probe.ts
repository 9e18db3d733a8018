/**
 * Path probe of weft: what an inner UDP datagram between the link-local addresses of two nodes carries. All fields are
 * big-endian.
 *
 *      0                   1                   2                   3
 *      0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *   0 |                       Magic: "weft"                           |
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *   4 |     Kind      |   Reserved    |         Probed size           |
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *   8 |                          Sequence                             |
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *  12 |                       Time of sending                         |
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *  16 |                       Requests seen                           |
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *
 * The probed size is the length of the inner IP packet; zeros pad a request to it. A reply is never padded, and gives size,
 * sequence and time back as they were. The time is the requester's own, in microseconds, and means nothing to others.
 *
 * A reply also says how many requests of this requester have come in so far, modulo 2^32, 0 excepted: those that came
 * straight from it, of any size, this one included; what came through a relay is not counted, but its reply says the number as
 * well. So the requester knows in which direction its way is lost, even if all replies are. 0 in a request, and in a reply of
 * somebody who does not count. Version 0.1.0 has no such field: its probes end before it.
 */
import { readU16, readU32, writeU16, writeU32 } from './octets.ts';

const Offset = { magic: 0, kind: 4, sizeBytes: 6, sequence: 8, sentAtUs: 12, seen: 16 } as const;
const MAGIC = 0x77_65_66_74;

/** What a probe is. */
export const PathProbeKind = { request: 1, reply: 2 } as const;

export type PathProbeKind = (typeof PathProbeKind)[keyof typeof PathProbeKind];

/** Size without padding, in bytes. */
export const PATH_PROBE_LENGTH = 20;

/** Size of one of version 0.1.0: the least that is a probe. */
export const MIN_PATH_PROBE_LENGTH = 16;

/** UDP port of both ends, inside the tunnel: the one beside gossip's. No socket is ever bound to it. */
export const PATH_PROBE_PORT = 7949;

/** Kind of the probe at `at`, or -1 if there is none. */
export function readPathProbeKind(bytes: Uint8Array, at: number): PathProbeKind | -1 {
  if (readU32(bytes, at + Offset.magic) !== MAGIC) return -1;
  const kind = bytes[at + Offset.kind]!;
  return kind === PathProbeKind.request || kind === PathProbeKind.reply ? kind : -1;
}

/** Length of the inner IP packet that is, or was, the request, in bytes. */
export function readPathProbeSize(bytes: Uint8Array, at: number): number {
  return readU16(bytes, at + Offset.sizeBytes);
}

/** Number of the request, 32 bits. */
export function readPathProbeSequence(bytes: Uint8Array, at: number): number {
  return readU32(bytes, at + Offset.sequence);
}

/** When the request was sent, by the requester's clock, in microseconds modulo 2^32. */
export function readPathProbeTime(bytes: Uint8Array, at: number): number {
  return readU32(bytes, at + Offset.sentAtUs);
}

/** Requests that whoever replies has seen, 32 bits; 0: it does not count. Of a probe of {@link PATH_PROBE_LENGTH} bytes only. */
export function readPathProbeSeen(bytes: Uint8Array, at: number): number {
  return readU32(bytes, at + Offset.seen);
}

/** Has the probe at `at` say that `seen` requests came in; of the number the low 32 bits count. */
export function writePathProbeSeen(seen: number, bytes: Uint8Array, at: number): void {
  writeU32(bytes, at + Offset.seen, seen);
}

/** Writes a probe without padding at `at`, no request seen. Of `sequence` and `sentAtUs` the low 32 bits count. */
export function encodePathProbe(
  kind: PathProbeKind,
  sizeBytes: number,
  sequence: number,
  sentAtUs: number,
  bytes: Uint8Array,
  at: number,
): void {
  writeU32(bytes, at + Offset.magic, MAGIC);
  writeU32(bytes, at + Offset.kind, 0);
  bytes[at + Offset.kind] = kind;
  writeU16(bytes, at + Offset.sizeBytes, sizeBytes);
  writeU32(bytes, at + Offset.sequence, sequence);
  writeU32(bytes, at + Offset.sentAtUs, sentAtUs);
  writeU32(bytes, at + Offset.seen, 0);
}
