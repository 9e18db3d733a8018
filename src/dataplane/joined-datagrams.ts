/**
 * Tells what a received UDP payload with a `UDP_GRO` size is. The size alone does not say:
 *
 *  - several datagrams of that size, the last one perhaps shorter, that the kernel joined; or
 *  - one datagram with an inner UDP super-packet, from a `vxlan` device on the other side of a veth. The size is then that of
 *    the inner payloads, and splitting by it would give garbage.
 *
 * In the second case, and only then, the first inner packet fills the whole payload.
 */
import { ETHERNET_HEADER_LENGTH, EtherType, readEtherType } from '../wire/ethernet.ts';
import { IPV4_MIN_HEADER_LENGTH, readIpv4TotalLength } from '../wire/ipv4.ts';
import { IPV6_HEADER_LENGTH, readIpv6PayloadLength } from '../wire/ipv6.ts';
import { ENCAPSULATION_LENGTH } from './encapsulation.ts';

/** Most datagrams that are taken apart. Linux joins 64, and takes up to 128 from one `UDP_SEGMENT` send. */
export const MAX_PACKETS_PER_DATAGRAM = 256;

/** How many datagrams the `lengthBytes` bytes at `at` are, 1 or more; all but the last are `groSizeBytes` long. */
export function joinedDatagrams(bytes: Uint8Array, at: number, lengthBytes: number, groSizeBytes: number): number {
  if (groSizeBytes <= 0 || groSizeBytes >= lengthBytes) return 1;
  if (innerPacketLength(bytes, at, lengthBytes) + ENCAPSULATION_LENGTH === lengthBytes) return 1;
  return Math.ceil(lengthBytes / groSizeBytes);
}

/** Length of the first inner packet as it claims, or -1 if none can be seen. */
export function innerPacketLength(bytes: Uint8Array, at: number, lengthBytes: number): number {
  const ipAt = at + ENCAPSULATION_LENGTH;
  if (lengthBytes < ENCAPSULATION_LENGTH + IPV4_MIN_HEADER_LENGTH) return -1;
  const etherType = readEtherType(bytes, ipAt - ETHERNET_HEADER_LENGTH);
  if (etherType === EtherType.ipv4) return readIpv4TotalLength(bytes, ipAt);
  return etherType === EtherType.ipv6 ? IPV6_HEADER_LENGTH + readIpv6PayloadLength(bytes, ipAt) : -1;
}
