/**
 * What differs between the segments of a super-packet, and so cannot be told from the super-packet itself: see
 * `dataplane/segmentation.ts`, which makes them.
 */
import { IpProtocol, readIpVersion } from '../wire/ip.ts';
import { IPV4_MIN_HEADER_LENGTH, readIpv4HeaderLength, readIpv4Protocol } from '../wire/ipv4.ts';
import { IPV6_HEADER_LENGTH, readIpv6NextHeader } from '../wire/ipv6.ts';
import { TCP_CHECKSUM_OFFSET, TCP_MIN_HEADER_LENGTH, readTcpHeaderLength } from '../wire/tcp.ts';

/**
 * Whether any of the `size` bytes at `offset` of the super-packet at `at` may differ from those of a segment of it. True also
 * where it cannot be known.
 */
export function differsBetweenSegments(
  bytes: Uint8Array,
  at: number,
  lengthBytes: number,
  offset: number,
  size: number,
): boolean {
  const end = offset + size;
  if (readIpVersion(bytes, at) === 6) {
    // Total length, and everything behind extension headers, which super-packets hardly ever have.
    if (offset < IPV6_HEADER_LENGTH) return (offset < 6 && end > 4) || end > IPV6_HEADER_LENGTH;
    return transportDiffers(bytes, at, lengthBytes, IPV6_HEADER_LENGTH, readIpv6NextHeader(bytes, at), offset, end);
  }
  const headerLength = readIpv4HeaderLength(bytes, at);
  if (headerLength < IPV4_MIN_HEADER_LENGTH) return true;
  // Total length and identification lie side by side; then the checksum.
  if (offset < headerLength) return (offset < 6 && end > 2) || (offset < 12 && end > 10) || end > headerLength;
  return transportDiffers(bytes, at, lengthBytes, headerLength, readIpv4Protocol(bytes, at), offset, end);
}

function transportDiffers(
  bytes: Uint8Array,
  at: number,
  lengthBytes: number,
  start: number,
  protocol: number,
  offset: number,
  end: number,
): boolean {
  const from = offset - start;
  const to = end - start;
  // Length, checksum, payload: all that follows the ports.
  if (protocol === IpProtocol.udp) return to > 4;
  if (protocol !== IpProtocol.tcp || start + TCP_MIN_HEADER_LENGTH > lengthBytes) return true;
  const flagsAt = 13;
  return (
    to > readTcpHeaderLength(bytes, at + start) ||
    (from < 8 && to > 4) ||
    (from <= flagsAt && to > flagsAt) ||
    (from < TCP_CHECKSUM_OFFSET + 2 && to > TCP_CHECKSUM_OFFSET)
  );
}
