/**
 * What the dataplane needs to know of an inner IP packet, found once per packet. One object per direction and worker,
 * filled anew for each packet.
 */
import { IpProtocol, readIpVersion } from '../wire/ip.ts';
import {
  IPV4_DESTINATION_OFFSET,
  IPV4_MIN_HEADER_LENGTH,
  IPV4_SOURCE_OFFSET,
  isIpv4Fragment,
  readIpv4HeaderLength,
  readIpv4Protocol,
  readIpv4TotalLength,
} from '../wire/ipv4.ts';
import {
  IPV6_DESTINATION_OFFSET,
  IPV6_HEADER_LENGTH,
  IPV6_SOURCE_OFFSET,
  readIpv6PayloadLength,
} from '../wire/ipv6.ts';
import {
  findIpv6UpperLayer,
  isUpperLayerFragment,
  upperLayerOffset,
  upperLayerProtocol,
} from '../wire/ipv6-extensions.ts';
import { TCP_MIN_HEADER_LENGTH, readTcpHeaderLength } from '../wire/tcp.ts';
import { UDP_HEADER_LENGTH, readUdpLength } from '../wire/udp.ts';

/** What is wrong with a packet. Each direction has drop reasons of its own for these. */
export const InnerFault = { none: 0, notIp: 1, truncated: 2, badLength: 3, badExtensions: 4 } as const;

export type InnerFault = (typeof InnerFault)[keyof typeof InnerFault];

/** Facts about the packet that {@link InnerPacket.parse} saw last. Positions are offsets into the same bytes. */
export class InnerPacket {
  /** Where the IP header begins. */
  at = 0;
  family: 4 | 6 = 4;
  /** All of the packet, as its IP header says, which is also all that is there. */
  lengthBytes = 0;
  sourceAt = 0;
  destinationAt = 0;
  /** What it carries behind IPv6 extension headers; of a fragment, what the whole packet carries. */
  protocol = 0;
  /** Where that begins; of a fragment, where its part of the payload begins. */
  transportAt = 0;
  /** Length of the transport header and its payload, or of a fragment's part. */
  transportLengthBytes = 0;
  /** The first one included: what is known about the transport is not enough to compute its checksum. */
  isFragment = false;

  /** Looks at the packet at `at`, which must be exactly `lengthBytes` long. Its transport header is not looked at. */
  parse(bytes: Uint8Array, at: number, lengthBytes: number): InnerFault {
    this.at = at;
    if (lengthBytes < 1) return InnerFault.truncated;
    const version = readIpVersion(bytes, at);
    if (version === 4) return this.#parse4(bytes, at, lengthBytes);
    if (version === 6) return this.#parse6(bytes, at, lengthBytes);
    return InnerFault.notIp;
  }

  /**
   * Size of the TCP or UDP header, options included, or 0 if there is none to rely on: another protocol, a fragment, or
   * a header that contradicts the packet.
   */
  transportHeaderLength(bytes: Uint8Array): number {
    if (this.isFragment) return 0;
    if (this.protocol === IpProtocol.udp) {
      if (this.transportLengthBytes < UDP_HEADER_LENGTH) return 0;
      return readUdpLength(bytes, this.transportAt) === this.transportLengthBytes ? UDP_HEADER_LENGTH : 0;
    }
    if (this.protocol !== IpProtocol.tcp || this.transportLengthBytes < TCP_MIN_HEADER_LENGTH) return 0;
    const headerLength = readTcpHeaderLength(bytes, this.transportAt);
    return headerLength >= TCP_MIN_HEADER_LENGTH && headerLength <= this.transportLengthBytes ? headerLength : 0;
  }

  #parse4(bytes: Uint8Array, at: number, lengthBytes: number): InnerFault {
    if (lengthBytes < IPV4_MIN_HEADER_LENGTH) return InnerFault.truncated;
    const headerLength = readIpv4HeaderLength(bytes, at);
    const totalLength = readIpv4TotalLength(bytes, at);
    if (headerLength < IPV4_MIN_HEADER_LENGTH || totalLength < headerLength) return InnerFault.badLength;
    if (totalLength > lengthBytes) return InnerFault.truncated;
    if (totalLength < lengthBytes) return InnerFault.badLength;
    this.family = 4;
    this.lengthBytes = lengthBytes;
    this.sourceAt = at + IPV4_SOURCE_OFFSET;
    this.destinationAt = at + IPV4_DESTINATION_OFFSET;
    this.protocol = readIpv4Protocol(bytes, at);
    this.transportAt = at + headerLength;
    this.transportLengthBytes = lengthBytes - headerLength;
    this.isFragment = isIpv4Fragment(bytes, at);
    return InnerFault.none;
  }

  #parse6(bytes: Uint8Array, at: number, lengthBytes: number): InnerFault {
    if (lengthBytes < IPV6_HEADER_LENGTH) return InnerFault.truncated;
    const totalLength = IPV6_HEADER_LENGTH + readIpv6PayloadLength(bytes, at);
    if (totalLength > lengthBytes) return InnerFault.truncated;
    if (totalLength < lengthBytes) return InnerFault.badLength;
    const found = findIpv6UpperLayer(bytes, at, lengthBytes);
    if (found === -1) return InnerFault.badExtensions;
    this.family = 6;
    this.lengthBytes = lengthBytes;
    this.sourceAt = at + IPV6_SOURCE_OFFSET;
    this.destinationAt = at + IPV6_DESTINATION_OFFSET;
    this.protocol = upperLayerProtocol(found);
    const offset = upperLayerOffset(found);
    this.transportAt = at + offset;
    this.transportLengthBytes = lengthBytes - offset;
    this.isFragment = isUpperLayerFragment(found);
    return InnerFault.none;
  }
}
