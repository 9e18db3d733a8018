/** A packet made up from its description: complete, correct, and such as the kernel of a pod would send it. */
import { finishChecksum, onesComplementSum, pseudoHeaderSum4, pseudoHeaderSum6 } from '../wire/checksum.ts';
import { IcmpType, encodeIcmp, writeIcmpChecksum } from '../wire/icmp.ts';
import { Icmpv6Type, encodeIcmpv6, writeIcmpv6Checksum } from '../wire/icmpv6.ts';
import { IpProtocol } from '../wire/ip.ts';
import { IPV4_MIN_HEADER_LENGTH, Ipv4Flag, encodeIpv4 } from '../wire/ipv4.ts';
import { IPV6_HEADER_LENGTH, encodeIpv6 } from '../wire/ipv6.ts';
import { TcpFlag, encodeTcp, writeTcpChecksum } from '../wire/tcp.ts';
import { encodeUdp, finishUdpChecksum, writeUdpChecksum } from '../wire/udp.ts';
import { type PacketDescription, isEcho } from './packet-description.ts';

/** Hop limit of a packet that one router, the node, has passed on already: hosts begin with 64. */
const HOP_LIMIT = 63;
const WINDOW = 0xffff;

/**
 * The bytes of the packet. IPv4 must not be fragmented, as with everything that finds out its path MTU; TCP is the first packet of a
 * connection, ICMP a request of ping, or the answers to these; what has no ports has nothing but zeros.
 */
export function syntheticPacket(description: PacketDescription): Uint8Array {
  const { source, destination, protocol, sizeBytes } = description;
  const { family } = source;
  const bytes = new Uint8Array(sizeBytes);
  if (family === 4) {
    const { dontFragment } = Ipv4Flag;
    encodeIpv4(0, sizeBytes, 1, dontFragment, HOP_LIMIT, protocol, source.bytes, 0, destination.bytes, 0, bytes, 0);
  } else {
    const payloadLength = sizeBytes - IPV6_HEADER_LENGTH;
    encodeIpv6(0, 0, payloadLength, protocol, HOP_LIMIT, source.bytes, 0, destination.bytes, 0, bytes, 0);
  }
  writeTransport(description, bytes, family === 4 ? IPV4_MIN_HEADER_LENGTH : IPV6_HEADER_LENGTH);
  return bytes;
}

function writeTransport(description: PacketDescription, bytes: Uint8Array, at: number): void {
  const { protocol, sourcePort, destinationPort, isAnswer = false } = description;
  const { family } = description.source;
  const lengthBytes = bytes.length - at;
  if (protocol === IpProtocol.tcp) {
    encodeTcp(
      sourcePort,
      destinationPort,
      1,
      isAnswer ? 1 : 0,
      isAnswer ? TcpFlag.syn | TcpFlag.ack : TcpFlag.syn,
      WINDOW,
      0,
      bytes,
      at,
    );
    writeTcpChecksum(bytes, at, finishChecksum(transportSum(family, protocol, bytes, at)));
  } else if (protocol === IpProtocol.udp) {
    encodeUdp(sourcePort, destinationPort, lengthBytes, 0, bytes, at);
    writeUdpChecksum(bytes, at, finishUdpChecksum(transportSum(family, protocol, bytes, at)));
  } else if (isEcho(family, protocol) && family === 4) {
    encodeIcmp(isAnswer ? IcmpType.echoReply : IcmpType.echoRequest, 0, 1, bytes, at);
    writeIcmpChecksum(bytes, at, lengthBytes);
  } else if (isEcho(family, protocol)) {
    encodeIcmpv6(isAnswer ? Icmpv6Type.echoReply : Icmpv6Type.echoRequest, 0, 1, bytes, at);
    writeIcmpv6Checksum(bytes, 0, at, lengthBytes);
  }
}

function transportSum(family: 4 | 6, protocol: number, bytes: Uint8Array, at: number): number {
  const lengthBytes = bytes.length - at;
  const pseudoHeader = family === 4 ? pseudoHeaderSum4 : pseudoHeaderSum6;
  return onesComplementSum(bytes, at, lengthBytes, pseudoHeader(bytes, 0, protocol, lengthBytes));
}
