/** Bytes as hexadecimal text: keys of maps, and ids as people see them. */

const digits = Array.from({ length: 256 }, (_, octet) => octet.toString(16).padStart(2, '0'));

/** Text of `lengthBytes` bytes at `at`. */
export function formatHexadecimal(bytes: Uint8Array, at = 0, lengthBytes: number = bytes.length): string {
  let text = '';
  for (let index = at; index < at + lengthBytes; index++) text += digits[bytes[index]!]!;
  return text;
}

/** Bytes of text that is an even number of hexadecimal digits. */
export function parseHexadecimal(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length / 2);
  for (let index = 0; index < bytes.length; index++) {
    bytes[index] = Number.parseInt(text.slice(2 * index, 2 * index + 2), 16);
  }
  return bytes;
}
