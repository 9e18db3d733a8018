/**
 * A stand-in for AES-256-GCM and HKDF: sizes, and what fits what, as with the real ones, at a tenth of the time. It hides
 * nothing: the plain text is there to read. What a node accepts depends on the keys all the same.
 */
import { KEY_BYTES, TAG_BYTES, type Cipher } from '../env/cipher.ts';
import { writeU32 } from '../wire/octets.ts';

export const quickCipher: Cipher = {
  deriveKey: (key, salt, info) => spread(digestOf(key, salt, info), KEY_BYTES),

  seal(key, nonce, associated, plain) {
    const sealed = new Uint8Array(plain.length + TAG_BYTES);
    sealed.set(plain);
    sealed.set(spread(digestOf(key, nonce, associated, plain), TAG_BYTES), plain.length);
    return sealed;
  },

  open(key, nonce, associated, sealed) {
    const lengthBytes = sealed.length - TAG_BYTES;
    if (lengthBytes < 0) return undefined;
    const plain = sealed.subarray(0, lengthBytes);
    const tag = spread(digestOf(key, nonce, associated, plain), TAG_BYTES);
    return tag.every((octet, index) => octet === sealed[lengthBytes + index]) ? plain : undefined;
  },
};

/** 32 bits of several byte strings and their lengths (FNV-1a). */
function digestOf(...parts: readonly Uint8Array[]): number {
  let digest = 0x81_1c_9d_c5 | 0;
  for (const part of parts) {
    digest = Math.imul(digest ^ part.length, 0x01_00_01_93);
    for (let index = 0; index < part.length; index++) digest = Math.imul(digest ^ part[index]!, 0x01_00_01_93);
  }
  return digest;
}

/** A digest spread over `lengthBytes`, a multiple of 4. */
function spread(digest: number, lengthBytes: number): Uint8Array {
  const bytes = new Uint8Array(lengthBytes);
  let mixed = digest;
  for (let at = 0; at < lengthBytes; at += 4) {
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x85_eb_ca_6b) + at;
    mixed ^= mixed >>> 13;
    writeU32(bytes, at, mixed >>> 0);
  }
  return bytes;
}
