/**
 * The probe of a trace: an ordinary packet of a pod, but for a mark by which it is known again at every hook, and so are its
 * answer and errors about it. It is numbered, as a trace may send several.
 *
 *     ICMP        mark: identifier              number: sequence number
 *     UDP, TCP    mark: the source port's       number: the source port's last five bits
 */
import { type PacketDescription, isEcho } from '../../explain/packet-description.ts';
import { syntheticPacket } from '../../explain/synthetic-packet.ts';
import {
  encodeIcmp,
  ICMP_HEADER_LENGTH,
  IcmpType,
  isIcmpError,
  readIcmpType,
  writeIcmpChecksum,
} from '../../wire/icmp.ts';
import { encodeIcmpv6, Icmpv6Type, isIcmpv6Error, readIcmpv6Type, writeIcmpv6Checksum } from '../../wire/icmpv6.ts';
import { IpProtocol } from '../../wire/ip.ts';
import {
  IPV4_DESTINATION_OFFSET,
  IPV4_MIN_HEADER_LENGTH,
  IPV4_SOURCE_OFFSET,
  readIpv4HeaderLength,
  readIpv4Protocol,
} from '../../wire/ipv4.ts';
import {
  IPV6_DESTINATION_OFFSET,
  IPV6_HEADER_LENGTH,
  IPV6_SOURCE_OFFSET,
  readIpv6NextHeader,
} from '../../wire/ipv6.ts';
import { equalOctets, readU16 } from '../../wire/octets.ts';
import type { IpAddress } from '../../wire/address.ts';
import type { TraceRole } from '../../api/trace-api.ts';

/** What is traced: the packet, with the mark in place of its source port. */
export interface TracedPacket extends PacketDescription {
  /** 16 bits; with ports, the last {@link NUMBER_BITS} are 0. */
  readonly mark: number;
}

/** Numbers of probes take so many bits. */
export const NUMBER_BITS = 5;
const NUMBERS = 1 << NUMBER_BITS;
/** Where the first bytes of the transport header lie that identify a probe. */
const ECHO_IDENTIFIER = 4;
const ECHO_SEQUENCE = 6;

/** Probe `number`, 0 to 31, complete and correct. */
export function encodeTraceProbe(traced: TracedPacket, number: number): Uint8Array {
  const { mark, protocol, source } = traced;
  const packet = syntheticPacket({ ...traced, sourcePort: mark + number });
  if (!isEcho(source.family, protocol)) return packet;
  const rest = mark * 0x1_00_00 + number;
  if (source.family === 4) {
    encodeIcmp(IcmpType.echoRequest, 0, rest, packet, IPV4_MIN_HEADER_LENGTH);
    writeIcmpChecksum(packet, IPV4_MIN_HEADER_LENGTH, packet.length - IPV4_MIN_HEADER_LENGTH);
  } else {
    encodeIcmpv6(Icmpv6Type.echoRequest, 0, rest, packet, IPV6_HEADER_LENGTH);
    writeIcmpv6Checksum(packet, 0, IPV6_HEADER_LENGTH, packet.length - IPV6_HEADER_LENGTH);
  }
  return packet;
}

/** Which probe the IP packet at `at`, of which `lengthBytes` bytes are there, has to do with, and what; `undefined`: none. */
export function recognize(
  traced: TracedPacket,
  bytes: Uint8Array,
  at: number,
  lengthBytes: number,
): { readonly number: number; readonly role: TraceRole } | undefined {
  const { family } = traced.source;
  const transportAt = transportOf(family, bytes, at, lengthBytes);
  if (transportAt === -1) return undefined;
  const protocol = protocolOf(family, bytes, at);
  const isError = isEcho(family, protocol) && isErrorType(family, bytes, transportAt);
  if (isError) {
    const quotedAt = transportAt + ICMP_HEADER_LENGTH;
    const quotedTransportAt = transportOf(family, bytes, quotedAt, lengthBytes - (quotedAt - at));
    if (quotedTransportAt === -1 || !isTo(traced.source, bytes, at)) return undefined;
    if (protocolOf(family, bytes, quotedAt) !== traced.protocol || !isBetween(traced, bytes, quotedAt, false)) {
      return undefined;
    }
    const number = numberOf(traced, bytes, quotedTransportAt, false);
    return number === -1 ? undefined : { number, role: 'error' };
  }
  if (protocol !== traced.protocol) return undefined;
  for (const isBack of [false, true]) {
    if (!isBetween(traced, bytes, at, isBack)) continue;
    const number = numberOf(traced, bytes, transportAt, isBack);
    if (number !== -1) return { number, role: isBack ? 'answer' : 'probe' };
  }
  return undefined;
}

/** Number of the probe with this transport header, or -1. */
function numberOf(traced: TracedPacket, bytes: Uint8Array, at: number, isBack: boolean): number {
  const { mark, protocol, source } = traced;
  if (isEcho(source.family, protocol)) {
    return readU16(bytes, at + ECHO_IDENTIFIER) === mark ? readU16(bytes, at + ECHO_SEQUENCE) & (NUMBERS - 1) : -1;
  }
  const port = readU16(bytes, at + (isBack ? 2 : 0));
  return (port & -NUMBERS) === mark ? port & (NUMBERS - 1) : -1;
}

function isBetween({ source, destination }: TracedPacket, bytes: Uint8Array, at: number, isBack: boolean): boolean {
  const [from, to] = isBack ? [destination, source] : [source, destination];
  const sourceAt = at + (source.family === 4 ? IPV4_SOURCE_OFFSET : IPV6_SOURCE_OFFSET);
  return equalOctets(from.bytes, 0, bytes, sourceAt, from.bytes.length) && isTo(to, bytes, at);
}

function isTo(address: IpAddress, bytes: Uint8Array, at: number): boolean {
  const destinationAt = at + (address.family === 4 ? IPV4_DESTINATION_OFFSET : IPV6_DESTINATION_OFFSET);
  return equalOctets(address.bytes, 0, bytes, destinationAt, address.bytes.length);
}

/** Where the transport header is of which the first 8 bytes are there, or -1. */
function transportOf(family: 4 | 6, bytes: Uint8Array, at: number, lengthBytes: number): number {
  if (lengthBytes < (family === 4 ? IPV4_MIN_HEADER_LENGTH : IPV6_HEADER_LENGTH)) return -1;
  const headerLength = family === 4 ? readIpv4HeaderLength(bytes, at) : IPV6_HEADER_LENGTH;
  return bytes[at]! >>> 4 === family && headerLength + ICMP_HEADER_LENGTH <= lengthBytes ? at + headerLength : -1;
}

function protocolOf(family: 4 | 6, bytes: Uint8Array, at: number): number {
  return family === 4 ? readIpv4Protocol(bytes, at) : readIpv6NextHeader(bytes, at);
}

function isErrorType(family: 4 | 6, bytes: Uint8Array, at: number): boolean {
  return family === 4 ? isIcmpError(readIcmpType(bytes, at)) : isIcmpv6Error(readIcmpv6Type(bytes, at));
}

/** Protocol of ICMP for a family. */
export function echoProtocol(family: 4 | 6): number {
  return family === 4 ? IpProtocol.icmp : IpProtocol.icmpv6;
}
