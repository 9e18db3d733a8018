/**
 * A packet in one line, for people: `10.244.1.2.40312 > 10.244.2.2.80: tcp [P.] seq 1:1449 ack 1 win 502 length 1448, 1500 bytes`.
 *
 * Takes whatever was captured, cut anywhere, and never throws.
 */
import { ETHERNET_HEADER_LENGTH, EtherType, readEtherType } from '../wire/ethernet.ts';
import { readIcmpCode, readIcmpRest, readIcmpType } from '../wire/icmp.ts';
import { IpProtocol, readIpVersion } from '../wire/ip.ts';
import {
  IPV4_DESTINATION_OFFSET,
  IPV4_MIN_HEADER_LENGTH,
  IPV4_SOURCE_OFFSET,
  readIpv4FragmentOffset,
  readIpv4HeaderLength,
  readIpv4Protocol,
  readIpv4TotalLength,
} from '../wire/ipv4.ts';
import {
  findIpv6UpperLayer,
  isUpperLayerFragment,
  upperLayerOffset,
  upperLayerProtocol,
} from '../wire/ipv6-extensions.ts';
import {
  IPV6_DESTINATION_OFFSET,
  IPV6_HEADER_LENGTH,
  IPV6_SOURCE_OFFSET,
  readIpv6PayloadLength,
} from '../wire/ipv6.ts';
import { formatIpAddress } from '../wire/address.ts';
import {
  readTcpAcknowledgment,
  readTcpDestinationPort,
  readTcpFlags,
  readTcpHeaderLength,
  readTcpSequence,
  readTcpSourcePort,
  readTcpWindow,
  TCP_MIN_HEADER_LENGTH,
  TcpFlag,
} from '../wire/tcp.ts';
import { readUdpDestinationPort, readUdpSourcePort, UDP_HEADER_LENGTH } from '../wire/udp.ts';
import type { TcpOrigins } from './tcp-origins.ts';
import { readVni, VXLAN_HEADER_LENGTH } from '../wire/vxlan.ts';

/** What is known of an IP packet. */
interface Headers {
  readonly source: string;
  readonly destination: string;
  readonly protocol: number;
  readonly lengthBytes: number;
  /** Where the transport header is; -1: it is not there. */
  readonly upperAt: number;
  /** Transport header and payload. */
  readonly upperBytes: number;
  readonly family: 4 | 6;
  /** A piece whose transport header is elsewhere, or may be. */
  readonly isFragment: boolean;
}

const ICMP_HEADER_LENGTH = 8;
const flagLetters = [
  [TcpFlag.syn, 'S'],
  [TcpFlag.fin, 'F'],
  [TcpFlag.rst, 'R'],
  [TcpFlag.psh, 'P'],
  [TcpFlag.ack, '.'],
] as const;
const icmpNames: Readonly<Record<string, string>> = {
  '4 0': 'echo reply',
  '4 3': 'unreachable',
  '4 8': 'echo request',
  '4 11': 'time exceeded',
  '6 1': 'unreachable',
  '6 2': 'packet too big',
  '6 3': 'time exceeded',
  '6 128': 'echo request',
  '6 129': 'echo reply',
};

/**
 * Describes an IP packet.
 *
 * @param mayBeTunnel whether it may be a VXLAN datagram, which is described by what is in it; to whatever port: that is configured.
 * @param origins to show sequence numbers relative to; without them they are as on the wire.
 */
export function summarizePacket(packet: Uint8Array, mayBeTunnel = false, origins?: TcpOrigins): string {
  const headers = headersOf(packet, 0);
  if (headers === undefined) return `no IP packet, ${packet.length} bytes`;
  const innerAt = mayBeTunnel ? innerPacketAt(packet, headers) : -1;
  const inner = innerAt === -1 ? undefined : headersOf(packet, innerAt);
  return describe(packet, inner ?? headers, origins);
}

/**
 * Source and destination of the same packet that {@link summarizePacket} describes; `undefined`: it is none.
 *
 * @param mayBeTunnel as there.
 */
export function endsOfPacket(packet: Uint8Array, mayBeTunnel = false): readonly [string, string] | undefined {
  const headers = headersOf(packet, 0);
  if (headers === undefined) return undefined;
  const innerAt = mayBeTunnel ? innerPacketAt(packet, headers) : -1;
  const { source, destination } = (innerAt === -1 ? undefined : headersOf(packet, innerAt)) ?? headers;
  return [source, destination];
}

/** Where the IP packet in a VXLAN datagram is, or -1. */
function innerPacketAt(packet: Uint8Array, { protocol, upperAt }: Headers): number {
  if (protocol !== IpProtocol.udp || upperAt === -1 || upperAt + UDP_HEADER_LENGTH > packet.length) return -1;
  const vxlanAt = upperAt + UDP_HEADER_LENGTH;
  const innerAt = vxlanAt + VXLAN_HEADER_LENGTH + ETHERNET_HEADER_LENGTH;
  if (innerAt >= packet.length || readVni(packet, vxlanAt) === -1) return -1;
  const type = readEtherType(packet, vxlanAt + VXLAN_HEADER_LENGTH);
  return type === EtherType.ipv4 || type === EtherType.ipv6 ? innerAt : -1;
}

function headersOf(packet: Uint8Array, at: number): Headers | undefined {
  if (at >= packet.length) return undefined;
  const version = readIpVersion(packet, at);
  if (version === 4 && packet.length - at >= IPV4_MIN_HEADER_LENGTH) return ipv4Headers(packet, at);
  return version === 6 && packet.length - at >= IPV6_HEADER_LENGTH ? ipv6Headers(packet, at) : undefined;
}

function ipv4Headers(packet: Uint8Array, at: number): Headers {
  const isFragment = readIpv4FragmentOffset(packet, at) > 0;
  const [lengthBytes, headerLength] = [readIpv4TotalLength(packet, at), readIpv4HeaderLength(packet, at)];
  return {
    source: addressAt(packet, at + IPV4_SOURCE_OFFSET, 4),
    destination: addressAt(packet, at + IPV4_DESTINATION_OFFSET, 4),
    protocol: readIpv4Protocol(packet, at),
    lengthBytes,
    upperAt: isFragment ? -1 : at + headerLength,
    upperBytes: lengthBytes - headerLength,
    family: 4,
    isFragment,
  };
}

function ipv6Headers(packet: Uint8Array, at: number): Headers {
  const lengthBytes = IPV6_HEADER_LENGTH + readIpv6PayloadLength(packet, at);
  const found = findIpv6UpperLayer(packet, at, Math.min(lengthBytes, packet.length - at));
  return {
    source: addressAt(packet, at + IPV6_SOURCE_OFFSET, 16),
    destination: addressAt(packet, at + IPV6_DESTINATION_OFFSET, 16),
    protocol: found === -1 ? -1 : upperLayerProtocol(found),
    lengthBytes,
    upperAt: found === -1 ? -1 : at + upperLayerOffset(found),
    upperBytes: found === -1 ? 0 : lengthBytes - upperLayerOffset(found),
    family: 6,
    isFragment: found !== -1 && isUpperLayerFragment(found),
  };
}

function describe(packet: Uint8Array, headers: Headers, origins: TcpOrigins | undefined): string {
  const { source, destination, lengthBytes } = headers;
  const { ports, words } = upperLayer(packet, headers, origins);
  const [from, to] =
    ports === undefined ? [source, destination] : [`${source}.${ports[0]}`, `${destination}.${ports[1]}`];
  return `${from} > ${to}: ${words}, ${lengthBytes} bytes`;
}

interface UpperLayer {
  readonly ports?: readonly [number, number];
  readonly words: string;
}

function upperLayer(packet: Uint8Array, headers: Headers, origins: TcpOrigins | undefined): UpperLayer {
  const { protocol, upperAt, upperBytes, family, isFragment } = headers;
  if (isFragment) return { words: 'fragment' };
  const available = upperAt === -1 ? 0 : packet.length - upperAt;
  if (protocol === IpProtocol.tcp && available >= TCP_MIN_HEADER_LENGTH) return tcp(packet, headers, origins);
  if (protocol === IpProtocol.udp && available >= UDP_HEADER_LENGTH) {
    const ports = [readUdpSourcePort(packet, upperAt), readUdpDestinationPort(packet, upperAt)] as const;
    return { ports, words: `udp length ${Math.max(0, upperBytes - UDP_HEADER_LENGTH)}` };
  }
  const isIcmp = protocol === (family === 4 ? IpProtocol.icmp : IpProtocol.icmpv6);
  if (isIcmp && available >= ICMP_HEADER_LENGTH) return { words: icmp(packet, headers) };
  return { words: protocol === -1 ? 'extensions that are wrong' : `protocol ${protocol}` };
}

/** As tcpdump has it: the payload goes from the first number up to, and without, the second. */
function tcp(packet: Uint8Array, headers: Headers, origins: TcpOrigins | undefined): UpperLayer {
  const { upperAt, upperBytes, source, destination } = headers;
  const flags = readTcpFlags(packet, upperAt);
  const letters = flagLetters.filter(([flag]) => (flags & flag) !== 0).map(([, letter]) => letter);
  const ports = [readTcpSourcePort(packet, upperAt), readTcpDestinationPort(packet, upperAt)] as const;
  const [from, to] = [`${source}.${ports[0]}`, `${destination}.${ports[1]}`];
  const payload = Math.max(0, upperBytes - readTcpHeaderLength(packet, upperAt));
  const onWire = readTcpSequence(packet, upperAt);
  const sequence = origins?.relative(from, to, onWire, (flags & TcpFlag.syn) !== 0) ?? onWire;
  const acknowledgment = readTcpAcknowledgment(packet, upperAt);
  const relativeAck = origins?.relativeAcknowledgment(from, to, acknowledgment) ?? acknowledgment;
  const parts = [
    `tcp [${letters.join('') || 'none'}]`,
    `seq ${sequence}${payload === 0 ? '' : `:${sequence + payload}`}`,
    ...((flags & TcpFlag.ack) === 0 ? [] : [`ack ${relativeAck}`]),
    `win ${readTcpWindow(packet, upperAt)}`,
    `length ${payload}`,
  ];
  return { ports, words: parts.join(' ') };
}

function icmp(packet: Uint8Array, { upperAt, family }: Headers): string {
  const [type, code] = [readIcmpType(packet, upperAt), readIcmpCode(packet, upperAt)];
  const name = icmpNames[`${family} ${type}`] ?? `type ${type} code ${code}`;
  if (!name.startsWith('echo')) return `icmp ${name}`;
  const rest = readIcmpRest(packet, upperAt);
  return `icmp ${name} id ${rest >>> 16} seq ${rest & 0xffff}`;
}

function addressAt(packet: Uint8Array, at: number, lengthBytes: number): string {
  return formatIpAddress({ family: lengthBytes === 4 ? 4 : 6, bytes: packet.subarray(at, at + lengthBytes) });
}
