/** Text as octets where it is only compared or hashed, never read back: two for each UTF-16 code unit, big-endian. */
import { writeU16 } from '../wire/octets.ts';

/** The octets of `text`; different texts have different ones. */
export function octetsOf(text: string): Uint8Array {
  const octets = new Uint8Array(2 * text.length);
  for (let index = 0; index < text.length; index++) writeU16(octets, 2 * index, text.charCodeAt(index));
  return octets;
}
