/** A key that all nodes of a cluster share. */
import { KEY_BYTES, type Cipher } from '../env/cipher.ts';
import { formatHexadecimal } from './hexadecimal.ts';
import { octetsOf } from './octet-text.ts';

export interface ClusterKey {
  /** 16 hexadecimal digits: tells keys apart, and says nothing of the key itself. On the wire in clear. */
  readonly id: string;
  /** {@link KEY_BYTES} random bytes, never written. */
  readonly bytes: Uint8Array;
}

/** Length of an id on the wire, in bytes. */
export const KEY_ID_BYTES = 8;

const ID_SALT = octetsOf('weft cluster key');
const ID_INFO = octetsOf('id');

/** The key of `bytes`. @throws RangeError unless they are {@link KEY_BYTES}. */
export function clusterKey(cipher: Cipher, bytes: Uint8Array): ClusterKey {
  if (bytes.length !== KEY_BYTES) throw new RangeError(`a key has ${KEY_BYTES} bytes, not ${bytes.length}`);
  const own = Uint8Array.from(bytes);
  return { id: formatHexadecimal(cipher.deriveKey(own, ID_SALT, ID_INFO), 0, KEY_ID_BYTES), bytes: own };
}

/** Whether `text` may be the id of a key. */
export function isKeyId(text: string): boolean {
  return /^[0-9a-f]{16}$/.test(text);
}
