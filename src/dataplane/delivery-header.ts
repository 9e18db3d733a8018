/** The virtio-net header of a packet that goes to the TUN device by itself: what is left to the kernel. */
import { IpProtocol } from '../wire/ip.ts';
import { TCP_CHECKSUM_OFFSET, TcpFlag, readTcpFlags } from '../wire/tcp.ts';
import { UDP_CHECKSUM_OFFSET } from '../wire/udp.ts';
import { GSO_ECN_BIT, GsoType, VirtioFlag, encodeVirtioNet } from '../wire/virtio-net.ts';
import type { InnerPacket } from './inner-packet.ts';

/**
 * Writes the header of `packet` at `at`.
 *
 * @param gsoSize payload of each segment, if the packet is a super-packet: its checksum must be partial then. Else 0.
 * @param headerLength of its IP and transport headers together then.
 * @param isPartial whether its checksum is left to the kernel.
 */
export function encodeDeliveryHeader(
  packet: InnerPacket,
  gsoSize: number,
  headerLength: number,
  isPartial: boolean,
  bytes: Uint8Array,
  at: number,
): void {
  if (!isPartial) {
    encodeVirtioNet(0, GsoType.none, 0, 0, 0, 0, bytes, at);
    return;
  }
  const gsoType = gsoSize > 0 ? gsoTypeOf(bytes, packet) : GsoType.none;
  const start = packet.transportAt - packet.at;
  const offset = packet.protocol === IpProtocol.tcp ? TCP_CHECKSUM_OFFSET : UDP_CHECKSUM_OFFSET;
  encodeVirtioNet(VirtioFlag.needsChecksum, gsoType, headerLength, gsoSize, start, offset, bytes, at);
}

function gsoTypeOf(bytes: Uint8Array, packet: InnerPacket): number {
  if (packet.protocol !== IpProtocol.tcp) return GsoType.udp;
  const gsoType = packet.family === 4 ? GsoType.tcp4 : GsoType.tcp6;
  return (readTcpFlags(bytes, packet.transportAt) & TcpFlag.cwr) === 0 ? gsoType : gsoType | GSO_ECN_BIT;
}
