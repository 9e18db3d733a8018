/**
 * What `write` leaves in `lengthBytes` bytes that held 0xff before, as reused buffers hold what the last packet left.
 *
 * @throws if it wrote beyond them.
 */
export function encoded(lengthBytes: number, write: (buffer: Uint8Array, at: number) => void): Uint8Array {
  const buffer = new Uint8Array(MARGIN + lengthBytes + MARGIN).fill(0xff);
  write(buffer, MARGIN);
  const outside = [...buffer.subarray(0, MARGIN), ...buffer.subarray(MARGIN + lengthBytes)];
  if (outside.some((octet) => octet !== 0xff)) throw new Error(`wrote beyond ${lengthBytes} bytes`);
  return buffer.slice(MARGIN, MARGIN + lengthBytes);
}

// Odd, so that nothing is aligned.
const MARGIN = 7;
