/** Identities on the wire: 16 bytes; as values: 32 lower-case hexadecimal digits. */
import { IDENTITY_BYTES } from './limits.ts';

const pattern = /^[0-9a-f]{32}$/;

/** Whether `text` is an identity. */
export function isIdentity(text: string): boolean {
  return pattern.test(text);
}

/** The text of 16 bytes; `undefined` if there are not 16. */
export function identityFromBytes(bytes: Uint8Array): string | undefined {
  if (bytes.length !== IDENTITY_BYTES) return undefined;
  let text = '';
  for (const octet of bytes) text += octet.toString(16).padStart(2, '0');
  return text;
}

/** The 16 bytes of an identity. */
export function identityToBytes(identity: string): Uint8Array {
  const bytes = new Uint8Array(IDENTITY_BYTES);
  for (let index = 0; index < IDENTITY_BYTES; index++) {
    bytes[index] = Number.parseInt(identity.slice(2 * index, 2 * index + 2), 16);
  }
  return bytes;
}
