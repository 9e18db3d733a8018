/**
 * What lies behind the inner IP packet in its frame. A frame on a wire has at least 64 octets (IEEE 802.3, clause 4), so short
 * packets are padded; and who then takes a VLAN tag out, or leaves the check sequence in, leaves any number of bytes behind the
 * packet when it encapsulates. As in the kernel (`ip_rcv_core`, `ip6_rcv_core`), the length in the IP header is what counts.
 */
import { IPV4_MIN_HEADER_LENGTH } from '../wire/ipv4.ts';
import { ENCAPSULATION_LENGTH } from './encapsulation.ts';
import { innerPacketLength } from './joined-datagrams.ts';

/**
 * Length of the VXLAN datagram at `at` without what lies behind its inner packet. All of it if the IP header claims to be longer
 * than what is there, or not even as long as itself: that is a fault, which whoever parses it finds.
 */
export function lengthWithoutPadding(bytes: Uint8Array, at: number, lengthBytes: number): number {
  const claimed = innerPacketLength(bytes, at, lengthBytes);
  // An IPv4 header with options that claims less than these is found by the parser as well: it is left with too few bytes.
  if (claimed < IPV4_MIN_HEADER_LENGTH || ENCAPSULATION_LENGTH + claimed >= lengthBytes) return lengthBytes;
  return ENCAPSULATION_LENGTH + claimed;
}
