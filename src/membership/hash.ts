/**
 * Hashes that tell whether two nodes hold the same. Not for trust: whoever may speak at all may say anything anyway.
 *
 * FNV-1a (draft-eastlake-fnv) with the finish of MurmurHash3, so that the sums of a digest mix all bits.
 */

const FNV_OFFSET = 0x81_1c_9d_c5;
const FNV_PRIME = 0x01_00_01_93;

/** 32-bit hash of bytes. */
export function hashBytes(bytes: Uint8Array, seed = FNV_OFFSET): number {
  let hash = seed;
  for (let index = 0; index < bytes.length; index++) hash = Math.imul(hash ^ bytes[index]!, FNV_PRIME);
  return finish(hash);
}

/** 32-bit hash of text of one-byte characters. */
export function hashText(text: string, seed = FNV_OFFSET): number {
  let hash = seed;
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), FNV_PRIME);
  return finish(hash);
}

/** `hash`, with `value` (32 bits) mixed in. */
export function hashWith(hash: number, value: number): number {
  return finish(Math.imul(hash ^ value, 0xcc_9e_2d_51) + 0xe6_54_6b_64);
}

function finish(hash: number): number {
  let mixed = hash ^ (hash >>> 16);
  mixed = Math.imul(mixed, 0x85_eb_ca_6b);
  mixed ^= mixed >>> 13;
  mixed = Math.imul(mixed, 0xc2_b2_ae_35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
