/**
 * ICMP echo (RFC 792; ICMPv6: RFC 4443, section 4): requests of one sender, and what comes back for them.
 *
 *      0                   1                   2                   3
 *      0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *   0 |     Type      |     Code      |           Checksum            |
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *   4 |          Identifier           |        Sequence Number        |
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *
 * An error about a request quotes its IP header, and at least these 8 bytes of it.
 */
import {
  encodeIcmp,
  ICMP_HEADER_LENGTH,
  IcmpType,
  isIcmpError,
  readIcmpCode,
  readIcmpRest,
  readIcmpType,
  writeIcmpChecksum,
} from './icmp.ts';
import { encodeIcmpv6, Icmpv6Type, isIcmpv6Error } from './icmpv6.ts';
import { IpProtocol } from './ip.ts';
import { IPV4_MIN_HEADER_LENGTH, readIpv4HeaderLength, readIpv4Protocol } from './ipv4.ts';
import { IPV6_HEADER_LENGTH, readIpv6NextHeader } from './ipv6.ts';
import { readU16 } from './octets.ts';

/** What came back for a request: its answer, or an error about it of somebody on the way. */
export interface EchoAnswer {
  readonly sequence: number;
  /** Type and code of the error. */
  readonly error: { readonly type: number; readonly code: number; readonly mtuBytes: number } | undefined;
}

/**
 * Writes a request of `lengthBytes` bytes at `at`, zeros behind its header. The checksum of one of family 6 stays 0: it needs
 * the addresses, and the kernel writes it.
 */
export function encodeEchoRequest(
  family: 4 | 6,
  identifier: number,
  sequence: number,
  lengthBytes: number,
  bytes: Uint8Array,
  at: number,
): void {
  const rest = identifier * 0x1_00_00 + (sequence & 0xff_ff);
  bytes.fill(0, at, at + lengthBytes);
  if (family === 6) {
    encodeIcmpv6(Icmpv6Type.echoRequest, 0, rest, bytes, at);
    return;
  }
  encodeIcmp(IcmpType.echoRequest, 0, rest, bytes, at);
  writeIcmpChecksum(bytes, at, lengthBytes);
}

/** What the ICMP message at `at`, up to the end of `bytes`, says to the sender with this identifier; `undefined`: nothing. */
export function readEchoAnswer(
  family: 4 | 6,
  identifier: number,
  bytes: Uint8Array,
  at: number,
): EchoAnswer | undefined {
  if (bytes.length < at + ICMP_HEADER_LENGTH) return undefined;
  const type = readIcmpType(bytes, at);
  const reply = family === 4 ? IcmpType.echoReply : Icmpv6Type.echoReply;
  if (type === reply) return ofSender(identifier, bytes, at, undefined);
  if (!(family === 4 ? isIcmpError(type) : isIcmpv6Error(type)) || isAdvice(family, type)) return undefined;
  const requestAt = quotedEchoAt(family, bytes, at + ICMP_HEADER_LENGTH);
  if (requestAt === -1) return undefined;
  // 16 bits of it in ICMP (RFC 1191), and no path carries more than that of an ICMPv6 message either.
  const mtuBytes = readIcmpRest(bytes, at) & 0xff_ff;
  return ofSender(identifier, bytes, requestAt, { type, code: readIcmpCode(bytes, at), mtuBytes });
}

/** Whether an error message of this type leaves the request on its way. */
function isAdvice(family: 4 | 6, type: number): boolean {
  return family === 4 && (type === IcmpType.redirect || type === IcmpType.sourceQuench);
}

function ofSender(
  identifier: number,
  bytes: Uint8Array,
  at: number,
  error: EchoAnswer['error'],
): EchoAnswer | undefined {
  if (readU16(bytes, at + 4) !== identifier) return undefined;
  return { sequence: readU16(bytes, at + 6), error };
}

/** Where the echo request begins that is quoted with its IP header at `at`, or -1. */
function quotedEchoAt(family: 4 | 6, bytes: Uint8Array, at: number): number {
  const least = family === 4 ? IPV4_MIN_HEADER_LENGTH : IPV6_HEADER_LENGTH;
  if (bytes.length < at + least + ICMP_HEADER_LENGTH) return -1;
  const isIcmp =
    family === 4
      ? readIpv4Protocol(bytes, at) === IpProtocol.icmp
      : readIpv6NextHeader(bytes, at) === IpProtocol.icmpv6;
  const requestAt = at + (family === 4 ? readIpv4HeaderLength(bytes, at) : IPV6_HEADER_LENGTH);
  if (!isIcmp || requestAt < at + least || bytes.length < requestAt + ICMP_HEADER_LENGTH) return -1;
  const request = family === 4 ? IcmpType.echoRequest : Icmpv6Type.echoRequest;
  return readIcmpType(bytes, requestAt) === request ? requestAt : -1;
}
