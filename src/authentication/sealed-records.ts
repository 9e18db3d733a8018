/**
 * A message of any length as a sequence of sealed records, after STREAM (Hoang, Reyhanitabar, Rogaway, Vizár: "Online
 * Authenticated-Encryption and its Nonce-Reuse Misuse-Resistance", 2015): the nonce is the number of the record and whether
 * it is the last. So records that are missing, doubled, out of order or cut off at the end are noticed.
 *
 * All records but the last are of the same length; the last one may be empty.
 */
import { NONCE_BYTES, TAG_BYTES, type Cipher } from '../env/cipher.ts';
import { writeU32 } from '../wire/octets.ts';

/** Length of every record but the last before it is sealed, in bytes. */
export const RECORD_BYTES = 16 * 1024;

const SEALED_RECORD_BYTES = RECORD_BYTES + TAG_BYTES;

const Offset = { counter: NONCE_BYTES - 5, isLast: NONCE_BYTES - 1 } as const;

/** Length of `lengthBytes` bytes as sealed records. */
export function sealedLength(lengthBytes: number): number {
  return lengthBytes + TAG_BYTES * Math.max(1, Math.ceil(lengthBytes / RECORD_BYTES));
}

/** Seals `plain` into `sealed`, from `at` on, which has room for {@link sealedLength}. `key` is for this one message. */
export function sealRecords(
  cipher: Cipher,
  key: Uint8Array,
  associated: Uint8Array,
  plain: Uint8Array,
  sealed: Uint8Array,
  at: number,
): void {
  const records = Math.max(1, Math.ceil(plain.length / RECORD_BYTES));
  for (let counter = 0; counter < records; counter++) {
    const record = plain.subarray(counter * RECORD_BYTES, (counter + 1) * RECORD_BYTES);
    const nonce = recordNonce(counter, counter === records - 1);
    sealed.set(cipher.seal(key, nonce, associated, record), at + counter * SEALED_RECORD_BYTES);
  }
}

/** What was sealed into `sealed` from `at` to the end; `undefined` if anything of it is not as it was. */
export function openRecords(
  cipher: Cipher,
  key: Uint8Array,
  associated: Uint8Array,
  sealed: Uint8Array,
  at: number,
): Uint8Array | undefined {
  const records = Math.ceil((sealed.length - at) / SEALED_RECORD_BYTES);
  const lengthBytes = sealed.length - at - records * TAG_BYTES;
  if (records < 1 || lengthBytes < (records - 1) * RECORD_BYTES) return undefined;
  let plain: Uint8Array | undefined;
  for (let counter = 0; counter < records; counter++) {
    const start = at + counter * SEALED_RECORD_BYTES;
    const isLast = counter === records - 1;
    const record = sealed.subarray(start, isLast ? sealed.length : start + SEALED_RECORD_BYTES);
    const opened = cipher.open(key, recordNonce(counter, isLast), associated, record);
    if (opened === undefined) return undefined;
    // Only now: what strangers send is not worth the memory.
    plain ??= new Uint8Array(lengthBytes);
    plain.set(opened, counter * RECORD_BYTES);
  }
  return plain;
}

/** Nonce of record number `counter`, 0 to 2^32 - 1, under the key of its message. */
export function recordNonce(counter: number, isLast: boolean): Uint8Array {
  const nonce = new Uint8Array(NONCE_BYTES);
  writeU32(nonce, Offset.counter, counter);
  nonce[Offset.isLast] = isLast ? 1 : 0;
  return nonce;
}
