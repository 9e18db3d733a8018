/** Addresses on their way to another thread. */
import type { IpAddress } from '../../wire/address.ts';

/** Copies of the addresses of each, in one buffer for all: each of its own would take ten times their length on the way. */
export function packAddresses(all: readonly { readonly addresses: readonly IpAddress[] }[]): readonly IpAddress[][] {
  const lengthBytes = all.flatMap(({ addresses }) => addresses).reduce((sum, { bytes }) => sum + bytes.length, 0);
  const buffer = new Uint8Array(lengthBytes);
  let end = 0;
  return all.map(({ addresses }) =>
    addresses.map(({ family, bytes }) => {
      buffer.set(bytes, end);
      end += bytes.length;
      return { family, bytes: buffer.subarray(end - bytes.length, end) };
    }),
  );
}
