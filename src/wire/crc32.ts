/** CRC-32, as in Ethernet, gzip and PNG (ISO 3309; RFC 1952, section 8): finds every burst of up to 32 wrong bits. */

/** The polynomial, with its bits in reverse. */
const POLYNOMIAL = 0xed_b8_83_20;

const table = Int32Array.from({ length: 256 }, (_, index) => {
  let value = index;
  for (let bit = 0; bit < 8; bit++) value = (value & 1) === 1 ? (value >>> 1) ^ POLYNOMIAL : value >>> 1;
  return value;
});

/**
 * Checksum of text of which each character is one byte.
 *
 * @param initial the checksum of what stands before, to go on from.
 */
export function crc32(text: string, initial = 0): number {
  let rest = ~initial;
  for (let at = 0; at < text.length; at++) rest = table[(rest ^ text.charCodeAt(at)) & 0xff]! ^ (rest >>> 8);
  return ~rest >>> 0;
}
