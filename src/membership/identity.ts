/** Identities on the wire: 16 bytes; as values: 32 lower-case hexadecimal digits. Ids of keys likewise, with 8 bytes. */
import { IDENTITY_BYTES } from './limits.ts';

const pattern = /^[0-9a-f]{32}$/;

/** Two digits per octet. */
const digits = Array.from({ length: 256 }, (_, octet) => octet.toString(16).padStart(2, '0'));

/** Whether `text` is an identity. */
export function isIdentity(text: string): boolean {
  return pattern.test(text);
}

/** The text of 16 bytes; `undefined` if there are not 16. */
export function identityFromBytes(bytes: Uint8Array): string | undefined {
  return bytes.length === IDENTITY_BYTES ? bytesToHex(bytes) : undefined;
}

/** The 16 bytes of an identity. */
export function identityToBytes(identity: string): Uint8Array {
  return hexToBytes(identity);
}

/** Lower-case hexadecimal digits, two per byte. */
export function bytesToHex(bytes: Uint8Array): string {
  let text = '';
  for (let index = 0; index < bytes.length; index++) text += digits[bytes[index]!]!;
  return text;
}

/** The bytes of hexadecimal digits, an even number of them. */
export function hexToBytes(hex: string): Uint8Array {
  const bytes = new Uint8Array(hex.length / 2);
  for (let index = 0; index < bytes.length; index++) {
    bytes[index] = digitAt(hex, 2 * index) * 16 + digitAt(hex, 2 * index + 1);
  }
  return bytes;
}

function digitAt(hex: string, at: number): number {
  const code = hex.charCodeAt(at);
  return code < 0x3a ? code - 0x30 : (code & 0x5f) - 0x37;
}
