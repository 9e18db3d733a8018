/** Versions of pod directories on the wire: 8 bytes, big-endian. */
import { readU32, writeU32 } from '../wire/octets.ts';
import { MAX_POD_VERSION, POD_VERSION_BYTES } from './limits.ts';

const HALF = 2 ** 32;

/** The version in 8 bytes, 1 to {@link MAX_POD_VERSION}; `undefined` if there is none. */
export function podVersionFromBytes(bytes: Uint8Array): number | undefined {
  if (bytes.length !== POD_VERSION_BYTES) return undefined;
  const version = readU32(bytes, 0) * HALF + readU32(bytes, 4);
  return version >= 1 && version <= MAX_POD_VERSION ? version : undefined;
}

/** The 8 bytes of a version. */
export function podVersionToBytes(version: number): Uint8Array {
  const bytes = new Uint8Array(POD_VERSION_BYTES);
  writeU32(bytes, 0, Math.floor(version / HALF));
  writeU32(bytes, 4, version % HALF);
  return bytes;
}
