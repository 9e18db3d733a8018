/**
 * The IP and UDP header around a datagram. A socket does not show it; it is rebuilt from what is known.
 *
 * Known: addresses, ports, lengths, traffic class. Of data sockets: "don't fragment" is set over IPv4, and the UDP checksum is
 * there. Not known, and as a Linux kernel would choose it: identification and flow label 0, hop limit 64.
 */
import { foldChecksum, onesComplementSum, pseudoHeaderSum4, pseudoHeaderSum6 } from '../wire/checksum.ts';
import { IpProtocol } from '../wire/ip.ts';
import { IPV4_MIN_HEADER_LENGTH, Ipv4Flag, encodeIpv4 } from '../wire/ipv4.ts';
import { IPV6_HEADER_LENGTH, encodeIpv6 } from '../wire/ipv6.ts';
import { UDP_HEADER_LENGTH, encodeUdp, finishUdpChecksum, writeUdpChecksum } from '../wire/udp.ts';
import type { TapHeader } from './tap-reader.ts';

const USUAL_HOP_LIMIT = 64;

/** Length of the header over `family`, in bytes. */
export function outerHeaderLength(family: number): number {
  return (family === 6 ? IPV6_HEADER_LENGTH : IPV4_MIN_HEADER_LENGTH) + UDP_HEADER_LENGTH;
}

/**
 * Writes the header that `header` describes before the datagram of `lengthBytes` bytes at `at`, of which `capturedBytes` are
 * there. Without all of them the UDP checksum is partial, as it is in captures of a kernel that leaves it to the device.
 *
 * @param record holds the addresses.
 * @returns where the header begins.
 */
export function writeOuterHeader(
  header: TapHeader,
  record: Uint8Array,
  lengthBytes: number,
  capturedBytes: number,
  bytes: Uint8Array,
  at: number,
): number {
  const { family, isOutward, trafficClass } = header;
  const udpAt = at - UDP_HEADER_LENGTH;
  const ipAt = at - outerHeaderLength(family);
  const udpLength = UDP_HEADER_LENGTH + lengthBytes;
  const sourceAt = isOutward ? header.localAddressAt : header.remoteAddressAt;
  const destinationAt = isOutward ? header.remoteAddressAt : header.localAddressAt;
  const sourcePort = isOutward ? header.localPort : header.remotePort;
  const destinationPort = isOutward ? header.remotePort : header.localPort;
  const hopLimit = header.hopLimit === 0 ? USUAL_HOP_LIMIT : header.hopLimit;
  encodeUdp(sourcePort, destinationPort, udpLength, 0, bytes, udpAt);
  let sum: number;
  if (family === 6) {
    encodeIpv6(
      trafficClass,
      0,
      udpLength,
      IpProtocol.udp,
      hopLimit,
      record,
      sourceAt,
      record,
      destinationAt,
      bytes,
      ipAt,
    );
    sum = pseudoHeaderSum6(bytes, ipAt, IpProtocol.udp, udpLength);
  } else {
    const totalLength = IPV4_MIN_HEADER_LENGTH + udpLength;
    encodeIpv4(
      trafficClass,
      totalLength,
      0,
      Ipv4Flag.dontFragment,
      hopLimit,
      IpProtocol.udp,
      record,
      sourceAt,
      record,
      destinationAt,
      bytes,
      ipAt,
    );
    sum = pseudoHeaderSum4(bytes, ipAt, IpProtocol.udp, udpLength);
  }
  const checksum =
    capturedBytes === lengthBytes
      ? finishUdpChecksum(onesComplementSum(bytes, udpAt, udpLength, sum))
      : foldChecksum(sum);
  writeUdpChecksum(bytes, udpAt, checksum);
  return ipAt;
}
