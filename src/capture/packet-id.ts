/**
 * A number by which the same packet is known again at every hook of every node: a hash of what no hop changes.
 *
 * Counts: addresses, protocol, what identifies a fragment, and of the transport
 *
 *     TCP      ports, sequence, acknowledgment, SYN FIN RST ACK URG, payload length; without payload, the identification, too
 *     UDP      ports, length, the first 32 bytes of payload, and, unless "don't fragment" is set, the IPv4 identification
 *     others   the first 32 bytes but for the checksum of ICMP, the length, and the IPv4 identification
 *
 * Does not count: hop limit, traffic class and checksums, which hops change; TCP options, of which the MSS is clamped; PSH, CWR and
 * ECE, and the identification of packets that may be cut or put together as super-packets on their way (RFC 6864 gives it no
 * meaning if the packet cannot be fragmented). Hence a retransmission has the number of the original. That is said of numbers that
 * are there twice: see `pcapng-merger.ts`.
 *
 * Not cryptographic: whoever sends packets can make two with one number.
 */
import { IpProtocol, readIpVersion } from '../wire/ip.ts';
import {
  IPV4_MIN_HEADER_LENGTH,
  isIpv4DontFragment,
  isIpv4Fragment,
  readIpv4HeaderLength,
  readIpv4Identification,
  readIpv4Protocol,
  readIpv4TotalLength,
} from '../wire/ipv4.ts';
import { IPV6_HEADER_LENGTH, readIpv6PayloadLength } from '../wire/ipv6.ts';
import {
  findIpv6UpperLayer,
  isUpperLayerFragment,
  upperLayerOffset,
  upperLayerProtocol,
} from '../wire/ipv6-extensions.ts';
import { readU16, readU32 } from '../wire/octets.ts';
import { TCP_MIN_HEADER_LENGTH, TcpFlag, readTcpFlags, readTcpHeaderLength } from '../wire/tcp.ts';
import { UDP_HEADER_LENGTH } from '../wire/udp.ts';
import { joinHalves } from './halves.ts';

/** How much of the payload counts, in bytes. */
const PAYLOAD_BYTES = 32;
const IPV4_FRAGMENT_OFFSET = 6;
const IPV6_FRAGMENT_HEADER_LENGTH = 8;
const COUNTED_FLAGS = TcpFlag.syn | TcpFlag.fin | TcpFlag.rst | TcpFlag.ack | TcpFlag.urg;

// Two hashes of 32 bits, side by side: numbers of 64 bits would be objects.
let high = 0;
let low = 0;

/**
 * The number of the IP packet in the `lengthBytes` bytes at `at`, 64 bits, of which `availableBytes` are there: `undefined` if it is
 * malformed, or if too little of it is there to know.
 */
export function packetId(
  bytes: Uint8Array,
  at: number,
  lengthBytes: number,
  availableBytes = lengthBytes,
): bigint | undefined {
  high = 0x57_65_66_74;
  low = 0x9e_37_79_b9;
  const available = Math.min(lengthBytes, availableBytes);
  const version = available < IPV4_MIN_HEADER_LENGTH ? 0 : readIpVersion(bytes, at);
  let isKnown = false;
  if (version === 4) isKnown = addIpv4(bytes, at, lengthBytes, available);
  else if (version === 6 && available >= IPV6_HEADER_LENGTH) isKnown = addIpv6(bytes, at, lengthBytes, available);
  return isKnown ? joinHalves(finish(high), finish(low)) : undefined;
}

function addIpv4(bytes: Uint8Array, at: number, lengthBytes: number, available: number): boolean {
  const headerLength = readIpv4HeaderLength(bytes, at);
  const totalLength = readIpv4TotalLength(bytes, at);
  if (headerLength < IPV4_MIN_HEADER_LENGTH || headerLength > available) return false;
  if (totalLength < headerLength || totalLength > lengthBytes) return false;
  const payloadLength = totalLength - headerLength;
  const protocol = readIpv4Protocol(bytes, at);
  const identification = readIpv4Identification(bytes, at);
  add(protocol | (4 << 8));
  addRun(bytes, at + 12, 8);
  const transportAt = at + headerLength;
  if (isIpv4Fragment(bytes, at)) {
    add((identification << 16) | readU16(bytes, at + IPV4_FRAGMENT_OFFSET));
    add(payloadLength);
    return true;
  }
  const id = protocol === IpProtocol.udp && isIpv4DontFragment(bytes, at) ? 0 : identification;
  return addTransport(bytes, transportAt, protocol, payloadLength, available - headerLength, id);
}

function addIpv6(bytes: Uint8Array, at: number, lengthBytes: number, available: number): boolean {
  const totalLength = IPV6_HEADER_LENGTH + readIpv6PayloadLength(bytes, at);
  if (totalLength > lengthBytes) return false;
  const found = findIpv6UpperLayer(bytes, at, Math.min(available, totalLength));
  if (found === -1) return false;
  const protocol = upperLayerProtocol(found);
  const offset = upperLayerOffset(found);
  add(protocol | (6 << 8));
  // The flow label is the sender's to choose, and nobody's to change (RFC 6437, section 3).
  add(readU32(bytes, at) & 0xf_ff_ff);
  addRun(bytes, at + 8, 32);
  if (isUpperLayerFragment(found)) {
    addRun(bytes, at + offset - IPV6_FRAGMENT_HEADER_LENGTH, IPV6_FRAGMENT_HEADER_LENGTH);
    add(totalLength - offset);
    return true;
  }
  return addTransport(bytes, at + offset, protocol, totalLength - offset, available - offset, 0);
}

/** `lengthBytes` of the transport header and all behind it; `identification` of the IPv4 header, or 0. */
function addTransport(
  bytes: Uint8Array,
  at: number,
  protocol: number,
  lengthBytes: number,
  available: number,
  identification: number,
): boolean {
  if (protocol === IpProtocol.tcp) return addTcp(bytes, at, lengthBytes, available, identification);
  const isUdp = protocol === IpProtocol.udp;
  const headerLength = isUdp ? UDP_HEADER_LENGTH : 0;
  const counted = Math.min(lengthBytes, headerLength + PAYLOAD_BYTES);
  if (lengthBytes < headerLength || available < counted) return false;
  add(lengthBytes);
  add(identification);
  if (isUdp) {
    add(readU32(bytes, at));
    addRun(bytes, at + UDP_HEADER_LENGTH, counted - UDP_HEADER_LENGTH);
  } else if ((protocol === IpProtocol.icmp || protocol === IpProtocol.icmpv6) && counted >= 4) {
    add(readU16(bytes, at));
    addRun(bytes, at + 4, counted - 4);
  } else addRun(bytes, at, counted);
  return true;
}

function addTcp(
  bytes: Uint8Array,
  at: number,
  lengthBytes: number,
  available: number,
  identification: number,
): boolean {
  if (available < TCP_MIN_HEADER_LENGTH) return false;
  const payloadLength = lengthBytes - readTcpHeaderLength(bytes, at);
  addRun(bytes, at, 12);
  add(readTcpFlags(bytes, at) & COUNTED_FLAGS);
  add(payloadLength);
  if (payloadLength <= 0) add(identification);
  return true;
}

function addRun(bytes: Uint8Array, at: number, lengthBytes: number): void {
  const end = at + lengthBytes;
  let index = at;
  for (; index + 4 <= end; index += 4) add(readU32(bytes, index));
  let rest = 0;
  for (; index < end; index++) rest = (rest << 8) | bytes[index]!;
  if ((lengthBytes & 3) !== 0) add(rest);
}

/** A step of MurmurHash3 (public domain), twice, with the constants of its 32-bit and of its 128-bit variant. */
function add(word: number): void {
  let k = Math.imul(word, 0xcc_9e_2d_51);
  k = Math.imul((k << 15) | (k >>> 17), 0x1b_87_35_93);
  high ^= k;
  high = (Math.imul((high << 13) | (high >>> 19), 5) + 0xe6_54_6b_64) | 0;
  k = Math.imul(word, 0x23_9b_96_1b);
  k = Math.imul((k << 16) | (k >>> 16), 0xab_0e_97_89);
  low ^= k;
  low = (Math.imul((low << 19) | (low >>> 13), 5) + 0x56_1c_cd_1b) | 0;
}

function finish(hash: number): number {
  let h = hash;
  h = Math.imul(h ^ (h >>> 16), 0x85_eb_ca_6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2_b2_ae_35);
  return (h ^ (h >>> 16)) >>> 0;
}
