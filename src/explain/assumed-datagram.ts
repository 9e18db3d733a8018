/** What a peer that cannot be asked would send, as far as that can be told from here. */
import { ENCAPSULATION_LENGTH } from '../dataplane/encapsulation.ts';
import type { ForwardingReader } from '../dataplane/forwarding-table.ts';
import {
  ETHERNET_DESTINATION_OFFSET,
  ETHERNET_HEADER_LENGTH,
  ETHERNET_SOURCE_OFFSET,
  EtherType,
} from '../wire/ethernet.ts';
import { readIpVersion } from '../wire/ip.ts';
import { writeU16 } from '../wire/octets.ts';
import { VXLAN_HEADER_LENGTH, encodeVxlan } from '../wire/vxlan.ts';

/** The VXLAN datagram in which `peer` would send an IP packet to this node: with its MAC address, and the VNI of this node. */
export function assumedDatagram(
  packet: Uint8Array,
  vni: number,
  peer: number,
  forwarding: ForwardingReader,
): Uint8Array {
  const bytes = new Uint8Array(ENCAPSULATION_LENGTH + packet.length);
  encodeVxlan(vni, bytes, 0);
  forwarding.writeMac(0, bytes, VXLAN_HEADER_LENGTH + ETHERNET_DESTINATION_OFFSET);
  forwarding.writeMac(peer, bytes, VXLAN_HEADER_LENGTH + ETHERNET_SOURCE_OFFSET);
  const etherType = readIpVersion(packet, 0) === 4 ? EtherType.ipv4 : EtherType.ipv6;
  writeU16(bytes, VXLAN_HEADER_LENGTH + ETHERNET_HEADER_LENGTH - 2, etherType);
  bytes.set(packet, ENCAPSULATION_LENGTH);
  return bytes;
}
