/** Strings of octets that keys are derived from: drawn, and joined. */
import type { Random } from '../env/random.ts';
import { writeU32 } from '../wire/octets.ts';

/** Random octets. @param lengthBytes a multiple of 4 */
export function drawOctets(random: Random, lengthBytes: number): Uint8Array {
  const octets = new Uint8Array(lengthBytes);
  for (let at = 0; at < lengthBytes; at += 4) writeU32(octets, at, random.uint32());
  return octets;
}

/** One after the other. */
export function joinOctets(...parts: readonly Uint8Array[]): Uint8Array {
  const octets = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    octets.set(part, at);
    at += part.length;
  }
  return octets;
}
