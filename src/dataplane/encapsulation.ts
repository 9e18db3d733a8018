/** The headers that weft puts before an inner packet: VXLAN (RFC 7348, section 5) and the inner Ethernet header. */
import {
  ETHERNET_DESTINATION_OFFSET,
  ETHERNET_HEADER_LENGTH,
  ETHERNET_SOURCE_OFFSET,
  EtherType,
} from '../wire/ethernet.ts';
import { writeU16 } from '../wire/octets.ts';
import { VIRTIO_NET_HEADER_LENGTH } from '../wire/virtio-net.ts';
import { VXLAN_HEADER_LENGTH, encodeVxlan } from '../wire/vxlan.ts';
import type { ForwardingReader } from './forwarding-table.ts';

/** Both headers together, in bytes. */
export const ENCAPSULATION_LENGTH = VXLAN_HEADER_LENGTH + ETHERNET_HEADER_LENGTH;

/**
 * Bytes that the reader of the TUN device leaves free before each virtio-net header. Together with the virtio-net header,
 * which is of no use any more, they make room for the encapsulation, so that headers and packet are one piece.
 */
export const EGRESS_HEADROOM = ENCAPSULATION_LENGTH - VIRTIO_NET_HEADER_LENGTH;

/** Writes both headers at `at`, from this node to `peer`. `family` is that of the inner packet. */
export function encodeEncapsulation(
  forwarding: ForwardingReader,
  peer: number,
  vni: number,
  family: 4 | 6,
  bytes: Uint8Array,
  at: number,
): void {
  const ethernetAt = at + VXLAN_HEADER_LENGTH;
  encodeVxlan(vni, bytes, at);
  forwarding.writeMac(peer, bytes, ethernetAt + ETHERNET_DESTINATION_OFFSET);
  forwarding.writeMac(0, bytes, ethernetAt + ETHERNET_SOURCE_OFFSET);
  writeU16(bytes, ethernetAt + ETHERNET_HEADER_LENGTH - 2, family === 4 ? EtherType.ipv4 : EtherType.ipv6);
}
