/** Tells path probes from data by their addresses: no pod has a link-local address of a node. */
import { readIpVersion } from '../wire/ip.ts';
import { IPV6_DESTINATION_OFFSET, IPV6_HEADER_LENGTH } from '../wire/ipv6.ts';
import { isLinkLocalAddress } from '../wire/link-local-address.ts';
import { ENCAPSULATION_LENGTH } from './encapsulation.ts';

/** Whether the inner packet of the datagram at `at` is for a link-local address, as those of probes alone are. */
export function looksLikeProbe(bytes: Uint8Array, at: number, lengthBytes: number): boolean {
  const ipAt = at + ENCAPSULATION_LENGTH;
  if (lengthBytes < ENCAPSULATION_LENGTH + IPV6_HEADER_LENGTH || readIpVersion(bytes, ipAt) !== 6) return false;
  return isLinkLocalAddress(bytes, ipAt + IPV6_DESTINATION_OFFSET);
}
