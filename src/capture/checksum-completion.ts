/** Makes complete what senders left partial: a checksum field that holds the folded sum of the pseudo-header, length included. */
import type { InnerPacket } from '../dataplane/inner-packet.ts';
import {
  finishChecksum,
  foldChecksum,
  onesComplementSum,
  pseudoHeaderSum4,
  pseudoHeaderSum6,
} from '../wire/checksum.ts';
import { IpProtocol } from '../wire/ip.ts';
import { readU16, writeU16 } from '../wire/octets.ts';
import { TCP_CHECKSUM_OFFSET } from '../wire/tcp.ts';
import { UDP_CHECKSUM_OFFSET, finishUdpChecksum } from '../wire/udp.ts';

/**
 * Completes the checksum of the packet of `lengthBytes` bytes at `at`, over everything from `start` on. Returns false, and changes
 * nothing, if the field does not lie behind that, in the packet.
 *
 * @param protocol of the packet: of TCP alone one knows that no UDP is in it.
 * @param start where the sum begins, and `field`, where the checksum is: in bytes from the beginning of the packet.
 */
export function completeChecksumAt(
  bytes: Uint8Array,
  at: number,
  lengthBytes: number,
  protocol: number,
  start: number,
  field: number,
): boolean {
  if (field < start || field + 2 > lengthBytes) return false;
  const sum = onesComplementSum(bytes, at + start, lengthBytes - start, 0);
  // A 0 would mean "none" in UDP. In TCP 0xffff counts as right to hosts, and as wrong to Wireshark (RFC 1624, section 3).
  writeU16(bytes, at + field, protocol === IpProtocol.tcp ? finishChecksum(sum) : finishUdpChecksum(sum));
  return true;
}

/**
 * Completes the checksum of the TCP or UDP packet that `packet` found in `bytes`, if it is partial. The field alone says so, and
 * one in 65536 complete ones says the same: the sum decides about those.
 */
export function completeIfPartial(bytes: Uint8Array, packet: InnerPacket): boolean {
  const { protocol, transportAt, transportLengthBytes } = packet;
  const isUdp = protocol === IpProtocol.udp;
  const fieldAt = transportAt + (isUdp ? UDP_CHECKSUM_OFFSET : TCP_CHECKSUM_OFFSET);
  const pseudo =
    packet.family === 4
      ? pseudoHeaderSum4(bytes, packet.at, protocol, transportLengthBytes)
      : pseudoHeaderSum6(bytes, packet.at, protocol, transportLengthBytes);
  const partial = foldChecksum(pseudo);
  if (readU16(bytes, fieldAt) !== partial) return false;
  const sum = onesComplementSum(bytes, transportAt, transportLengthBytes, 0);
  if (foldChecksum(sum + pseudo) === 0xffff) return false;
  writeU16(bytes, fieldAt, isUdp ? finishUdpChecksum(sum) : finishChecksum(sum));
  return true;
}
