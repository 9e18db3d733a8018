/**
 * Which of its backends a flow gets, as the kernel chooses it (net/netfilter/nft_hash.c): jhash of source address and source port, scaled to
 * the number of backends (include/linux/jhash.h, `reciprocal_scale` of include/linux/math.h).
 */
import type { IpAddress } from '../wire/address.ts';

/** The same on all nodes. */
export const PICK_SEED = 0x77_65_66_74;

/** `JHASH_INITVAL` */
const INITIAL = 0xde_ad_be_ef;

/** Octets that are mixed at a time. */
const BLOCK_BYTES = 12;

const SCALE = 2 ** 32;

/** @param backends their number, at least 1. @returns an index, from 0 */
export function pickIndex(source: IpAddress, sourcePort: number, backends: number): number {
  // A port takes four octets of a register, the first two of which it is in.
  const key = Uint8Array.of(...source.bytes, sourcePort >> 8, sourcePort & 0xff, 0, 0);
  return Math.floor((jhash(key, PICK_SEED) * backends) / SCALE);
}

/** Bob Jenkins' hash, as Linux has it, on a machine whose least significant octet comes first. @returns 32 bits */
function jhash(key: Uint8Array, seed: number): number {
  const view = new DataView(key.buffer);
  let [a, b, c] = Array.from({ length: 3 }, () => (INITIAL + key.length + seed) | 0) as [number, number, number];
  let at = 0;
  for (; key.length - at > BLOCK_BYTES; at += BLOCK_BYTES) {
    [a, b, c] = mixed(
      (a + view.getUint32(at, true)) | 0,
      (b + view.getUint32(at + 4, true)) | 0,
      (c + view.getUint32(at + 8, true)) | 0,
    );
  }
  // What is hashed here has a multiple of four octets.
  const rest = key.length - at;
  if (rest > 8) c = (c + view.getUint32(at + 8, true)) | 0;
  if (rest > 4) b = (b + view.getUint32(at + 4, true)) | 0;
  a = (a + view.getUint32(at, true)) | 0;
  return finished(a, b, c) >>> 0;
}

function rotated(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits));
}

/** `__jhash_mix` */
function mixed(a: number, b: number, c: number): [number, number, number] {
  a = ((a - c) ^ rotated(c, 4)) | 0;
  c = (c + b) | 0;
  b = ((b - a) ^ rotated(a, 6)) | 0;
  a = (a + c) | 0;
  c = ((c - b) ^ rotated(b, 8)) | 0;
  b = (b + a) | 0;
  a = ((a - c) ^ rotated(c, 16)) | 0;
  c = (c + b) | 0;
  b = ((b - a) ^ rotated(a, 19)) | 0;
  a = (a + c) | 0;
  c = ((c - b) ^ rotated(b, 4)) | 0;
  b = (b + a) | 0;
  return [a, b, c];
}

/** `__jhash_final` */
function finished(a: number, b: number, c: number): number {
  c = ((c ^ b) - rotated(b, 14)) | 0;
  a = ((a ^ c) - rotated(c, 11)) | 0;
  b = ((b ^ a) - rotated(a, 25)) | 0;
  c = ((c ^ b) - rotated(b, 16)) | 0;
  a = ((a ^ c) - rotated(c, 4)) | 0;
  b = ((b ^ a) - rotated(a, 14)) | 0;
  return ((c ^ b) - rotated(b, 24)) | 0;
}
