/**
 * Counts the fields of an encoded protobuf message before it is decoded (protobuf encoding, "Message Structure").
 *
 * The generated decoder allocates whatever the bytes ask for: eight megabytes can hold four million empty claims. So
 * limits are checked over the bytes first, without allocating, and the decoder only sees what passed.
 */
import { MAX_UNKNOWN_FIELDS } from './limits.ts';

/** What one field may hold. */
export interface FieldLimit {
  /** How often it may occur; 1 where it is not repeated. */
  readonly maxCount: number;
  /** Longest value in bytes, for strings, bytes and messages. 0 for numbers. */
  readonly maxBytes: number;
  /** Limits of the message inside, if it is one. */
  readonly fields?: FieldLimits;
}

/** Limits by field number, 1 to 31. */
export type FieldLimits = Readonly<Record<number, FieldLimit>>;

/** Outcome of {@link checkFieldLimits}. */
export type FieldLimitOutcome = 'ok' | 'malformed' | 'limit-exceeded';

/** Highest field number that can have a limit; those above are unknown. */
const MAX_FIELD = 31;

const WireType = { varint: 0, fixed64: 1, lengthDelimited: 2, fixed32: 5 } as const;

/** Whether the message in `bytes`, from `at` to before `end`, keeps to `limits`. `depth` is for the function itself. */
export function checkFieldLimits(
  bytes: Uint8Array,
  at: number,
  end: number,
  limits: FieldLimits,
  depth = 0,
): FieldLimitOutcome {
  const counts = countsAtDepth(depth);
  const cursor = { at };
  while (cursor.at < end) {
    const tag = readVarint(bytes, cursor, end);
    // A tag beyond 32 bits, or field number 0, does not exist.
    if (tag < 8 || tag > 0xff_ff_ff_ff) return 'malformed';
    const field = Math.floor(tag / 8);
    const known = field <= MAX_FIELD ? limits[field] : undefined;
    const slot = known === undefined ? 0 : field;
    counts[slot] = counts[slot]! + 1;
    if (counts[slot] > (known === undefined ? MAX_UNKNOWN_FIELDS : known.maxCount)) return 'limit-exceeded';

    const lengthBytes = valueLength(tag % 8, bytes, cursor, end);
    if (lengthBytes < 0 || lengthBytes > end - cursor.at) return 'malformed';
    if (known !== undefined && tag % 8 === WireType.lengthDelimited) {
      if (lengthBytes > known.maxBytes) return 'limit-exceeded';
      if (known.fields !== undefined) {
        const inner = checkFieldLimits(bytes, cursor.at, cursor.at + lengthBytes, known.fields, depth + 1);
        if (inner !== 'ok') return inner;
      }
    }
    cursor.at += lengthBytes;
  }
  return 'ok';
}

/** One set of counters per depth, used again and again: nothing is allocated per message. */
const scratch: Uint32Array[] = [];

/** How often each field has occurred, all zero. Slot 0 is that of unknown fields. */
function countsAtDepth(depth: number): Uint32Array {
  const counts = (scratch[depth] ??= new Uint32Array(MAX_FIELD + 1));
  return counts.fill(0);
}

/** Bytes of the value at the cursor, which a varint is moved past already; -1 if there is none such. */
function valueLength(wireType: number, bytes: Uint8Array, cursor: { at: number }, end: number): number {
  switch (wireType) {
    case WireType.varint:
      return readVarint(bytes, cursor, end) < 0 ? -1 : 0;
    case WireType.fixed64:
      return 8;
    case WireType.lengthDelimited:
      return readVarint(bytes, cursor, end);
    case WireType.fixed32:
      return 4;
    default:
      // Groups (3, 4) are of proto2; nothing of ours uses them.
      return -1;
  }
}

/** Reads a varint of up to ten bytes; -1 if it is cut off or longer. Values above 2^53 lose low bits. */
function readVarint(bytes: Uint8Array, cursor: { at: number }, end: number): number {
  let value = 0;
  let scale = 1;
  for (let length = 0; length < 10 && cursor.at < end; length++) {
    const octet = bytes[cursor.at++]!;
    value += (octet & 0x7f) * scale;
    if ((octet & 0x80) === 0) return value;
    scale *= 128;
  }
  return -1;
}
