/**
 * Cryptography, as the core sees it: HKDF-SHA256 (RFC 5869) and AES-256-GCM (NIST SP 800-38D). Keys are 32 bytes.
 *
 * An implementation may keep what it prepares for a key by the identity of its array: keys are never written after
 * they were made.
 */
export interface Cipher {
  /** 32 bytes that only who has `key` can compute. Different salts or infos give keys that say nothing of each other. */
  deriveKey(key: Uint8Array, salt: Uint8Array, info: Uint8Array): Uint8Array;
  /**
   * Encrypts `plain`, and authenticates it together with `associated`: the ciphertext, then a tag of 16 bytes.
   *
   * @param nonce 12 bytes, never used before with this key: a second use gives the authentication key away.
   */
  seal(key: Uint8Array, nonce: Uint8Array, associated: Uint8Array, plain: Uint8Array): Uint8Array;
  /** The plain text of what {@link seal} made of the same key, nonce and `associated`; `undefined` of anything else. */
  open(key: Uint8Array, nonce: Uint8Array, associated: Uint8Array, sealed: Uint8Array): Uint8Array | undefined;
}

/** Length of a key, in bytes. */
export const KEY_BYTES = 32;

/** Length of a nonce, in bytes. */
export const NONCE_BYTES = 12;

/** Length of the tag at the end of what is sealed, in bytes. */
export const TAG_BYTES = 16;
