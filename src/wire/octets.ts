/**
 * Integers and runs of octets at an offset. Big-endian (network order), unless the name ends in `le`.
 *
 * The caller has checked that the octets are there: reading beyond the end gives a number without meaning.
 */

/** Unsigned 16-bit integer at `at`. */
export function readU16(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 8) | bytes[at + 1]!;
}

/** Writes the low 16 bits of `value` at `at`. */
export function writeU16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 8;
  bytes[at + 1] = value;
}

/** Unsigned 24-bit integer at `at`. */
export function readU24(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 16) | (bytes[at + 1]! << 8) | bytes[at + 2]!;
}

/** Writes the low 24 bits of `value` at `at`. */
export function writeU24(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 16;
  bytes[at + 1] = value >>> 8;
  bytes[at + 2] = value;
}

/** Unsigned 32-bit integer at `at`: never negative. */
export function readU32(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
}

/** Writes the low 32 bits of `value` at `at`. A sum that passed 2^32 wraps, as sequence numbers do. */
export function writeU32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}

/** Unsigned little-endian 16-bit integer at `at`. */
export function readU16le(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8);
}

/** Writes the low 16 bits of `value` at `at`, little-endian. */
export function writeU16le(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
}

/** Unsigned little-endian 32-bit integer at `at`: never negative. */
export function readU32le(bytes: Uint8Array, at: number): number {
  return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;
}

/** Writes the low 32 bits of `value` at `at`, little-endian. */
export function writeU32le(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
  bytes[at + 2] = value >>> 16;
  bytes[at + 3] = value >>> 24;
}

/** Copies `lengthBytes` octets. For headers and addresses: long runs are faster with `copyWithin`. May not overlap. */
export function copyOctets(from: Uint8Array, fromAt: number, to: Uint8Array, toAt: number, lengthBytes: number): void {
  for (let index = 0; index < lengthBytes; index++) to[toAt + index] = from[fromAt + index]!;
}

/** Whether two runs of `lengthBytes` octets are equal. For headers and addresses. Not constant in time. */
export function equalOctets(
  left: Uint8Array,
  leftAt: number,
  right: Uint8Array,
  rightAt: number,
  lengthBytes: number,
): boolean {
  for (let index = 0; index < lengthBytes; index++) {
    if (left[leftAt + index] !== right[rightAt + index]) return false;
  }
  return true;
}

/** Whether two byte strings are the same. Not constant in time. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  // From the end: what differs between two announcements of one node mostly stands there.
  for (let index = a.length - 1; index >= 0; index--) {
    if (a[index] !== b[index]) return false;
  }
  return true;
}
