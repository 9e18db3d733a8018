/** The headers that weft puts before an inner packet: VXLAN (RFC 7348, section 5) and the inner Ethernet header. */
import {
  ETHERNET_DESTINATION_OFFSET,
  ETHERNET_HEADER_LENGTH,
  ETHERNET_SOURCE_OFFSET,
  EtherType,
} from '../wire/ethernet.ts';
import { IPV4_MIN_HEADER_LENGTH } from '../wire/ipv4.ts';
import { IPV6_HEADER_LENGTH } from '../wire/ipv6.ts';
import { IpProtocol } from '../wire/ip.ts';
import { writeU16 } from '../wire/octets.ts';
import { TCP_CHECKSUM_OFFSET } from '../wire/tcp.ts';
import { UDP_CHECKSUM_OFFSET, UDP_HEADER_LENGTH } from '../wire/udp.ts';
import { VIRTIO_NET_HEADER_LENGTH } from '../wire/virtio-net.ts';
import {
  MAX_REMOTE_CHECKSUM_START,
  VXLAN_HEADER_LENGTH,
  encodeVxlan,
  encodeVxlanRemoteChecksum,
  readRemoteChecksumOffset,
  readRemoteChecksumStart,
} from '../wire/vxlan.ts';
import type { ForwardingReader } from './forwarding-table.ts';
import type { InnerPacket } from './inner-packet.ts';

/** Both headers together, in bytes. */
export const ENCAPSULATION_LENGTH = VXLAN_HEADER_LENGTH + ETHERNET_HEADER_LENGTH;

/**
 * All that lies around an inner packet on the underlay, in bytes, by family of the underlay: the outer IP header and UDP (RFC
 * 768), and both of these. The path MTU less this is the overlay's MTU.
 */
export const OVERHEAD_BYTES = {
  4: IPV4_MIN_HEADER_LENGTH + UDP_HEADER_LENGTH + ENCAPSULATION_LENGTH,
  6: IPV6_HEADER_LENGTH + UDP_HEADER_LENGTH + ENCAPSULATION_LENGTH,
} as const;

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

/**
 * Whether a VXLAN header can say that the checksum of `packet` is partial, when its field lies `offset` bytes after `start`,
 * counted from the IP header: that of its own TCP or UDP header, and not too far away.
 */
export function canAnnouncePartialChecksum(packet: InnerPacket, start: number, offset: number): boolean {
  if (packet.isFragment || packet.at + start !== packet.transportAt) return false;
  if (start + ETHERNET_HEADER_LENGTH > MAX_REMOTE_CHECKSUM_START) return false;
  if (packet.protocol === IpProtocol.tcp) return offset === TCP_CHECKSUM_OFFSET;
  return packet.protocol === IpProtocol.udp && offset === UDP_CHECKSUM_OFFSET;
}

/** Says in the VXLAN header at `at`, which is there already, that the checksum of `packet` is partial. */
export function announcePartialChecksum(vni: number, packet: InnerPacket, bytes: Uint8Array, at: number): void {
  const start = ETHERNET_HEADER_LENGTH + packet.transportAt - packet.at;
  encodeVxlanRemoteChecksum(vni, start, packet.protocol === IpProtocol.udp, bytes, at);
}

/** Whether the VXLAN header at `at`, which says that a checksum is partial, means that of `packet`. */
export function announcesChecksumOf(packet: InnerPacket, bytes: Uint8Array, at: number): boolean {
  const start = readRemoteChecksumStart(bytes, at) - ETHERNET_HEADER_LENGTH;
  return canAnnouncePartialChecksum(packet, start, readRemoteChecksumOffset(bytes, at));
}
