/** What is asked about a packet: by a person, over the control API, and by one node of another. */
import * as v from 'valibot';
import { ConfigError } from '../../errors.ts';
import {
  MAX_SIZE_BYTES,
  type PacketDescription,
  hasPorts,
  isEcho,
  minSizeBytes,
} from '../../explain/packet-description.ts';
import { formatIpAddress, type IpAddress, parseIpAddress } from '../../wire/address.ts';
import { IpProtocol } from '../../wire/ip.ts';
import { MAX_PORT } from '../../wire/udp.ts';
import type { ArrivedDatagrams } from './local-explainer.ts';
import { MAX_AROUND_SECONDS, type MomentWindow } from './moment-window.ts';
import { refuseUnknownKeys } from '../doors/request-keys.ts';

/** What a person asks. */
export interface ExplainRequest {
  /** A pod, a node or an address. */
  readonly source: string;
  readonly destination: string;
  /** Over which of several addresses; absent: over IPv4 if both ends have it. */
  readonly family: 4 | 6 | undefined;
  /** Absent: ping. */
  readonly protocol: number | 'icmp' | undefined;
  readonly sourcePort: number | undefined;
  readonly destinationPort: number | undefined;
  readonly sizeBytes: number | undefined;
  /** Where the packet comes in; absent: the node of its source. */
  readonly node: string | undefined;
  /** When, if it is about the past. */
  readonly around: MomentWindow | undefined;
}

const MAX_PROTOCOL = 255;
/** From the range that Linux picks from (`net.ipv4.ip_local_port_range`). */
const DEFAULT_SOURCE_PORT = 40_000;
const DEFAULT_DESTINATION_PORT = 80;
/** What ping and the first packet of a connection carry beside their headers, in bytes. */
const ECHO_BYTES = 56;
const OPTION_BYTES = 20;
/** A packet of the largest size over the smallest path that IPv4 allows becomes fewer than this. */
const MAX_DATAGRAMS = 400;
const MAX_DATAGRAM_BYTES = 65_535;
const DEFAULT_WINDOW_SECONDS = 30;

const queryKeys = [
  'source',
  'destination',
  'family',
  'protocol',
  'sourcePort',
  'destinationPort',
  'size',
  'node',
  'around',
  'window',
] as const;

type QueryKey = (typeof queryKeys)[number];

/** Query of `GET /v1/explain`. @throws ConfigError naming the key that is wrong. */
export function parseExplainQuery(query: URLSearchParams): ExplainRequest {
  refuseUnknownKeys(query, queryKeys);
  const protocol = query.get('protocol');
  const family = number(query, 'family', 4, 6);
  if (family === 5) throw new ConfigError('family', '5 is neither 4 nor 6');
  return {
    source: needed(query, 'source'),
    destination: needed(query, 'destination'),
    family: family as 4 | 6 | undefined,
    protocol: protocol === null ? undefined : parseProtocol(protocol),
    sourcePort: number(query, 'sourcePort', 0, MAX_PORT),
    destinationPort: number(query, 'destinationPort', 0, MAX_PORT),
    sizeBytes: number(query, 'size', 1, MAX_SIZE_BYTES),
    node: query.get('node') ?? undefined,
    around: parseAround(query),
  };
}

const protocolsByName: ReadonlyMap<string, number | 'icmp'> = new Map<string, number | 'icmp'>([
  ['tcp', IpProtocol.tcp],
  ['udp', IpProtocol.udp],
  ['icmp', 'icmp'],
  ['icmpv6', 'icmp'],
  ['ping', 'icmp'],
]);

/** A protocol by name or number. @throws ConfigError */
function parseProtocol(text: string): number | 'icmp' {
  const known = protocolsByName.get(text.toLowerCase());
  if (known !== undefined) return known;
  const value = Number(text);
  if (/^\d{1,3}$/.test(text) && value <= MAX_PROTOCOL) return value;
  throw new ConfigError('protocol', `${text} is none of tcp, udp, icmp, and no number up to ${MAX_PROTOCOL}`);
}

/** The packet that is meant, between two addresses of one family. @throws ConfigError if there cannot be one like that. */
export function describePacket(request: ExplainRequest, source: IpAddress, destination: IpAddress): PacketDescription {
  const { family } = source;
  const asked = request.protocol ?? 'icmp';
  const protocol = asked !== 'icmp' ? asked : family === 4 ? IpProtocol.icmp : IpProtocol.icmpv6;
  const withPorts = hasPorts(protocol);
  for (const key of ['sourcePort', 'destinationPort'] as const) {
    if (!withPorts && request[key] !== undefined) throw new ConfigError(key, 'only tcp and udp have ports');
  }
  const least = minSizeBytes(family, protocol);
  const sizeBytes = request.sizeBytes ?? least + (isEcho(family, protocol) ? ECHO_BYTES : OPTION_BYTES);
  if (sizeBytes < least)
    throw new ConfigError('size', `${sizeBytes} bytes do not hold its headers, which have ${least}`);
  return {
    source,
    destination,
    protocol,
    sourcePort: withPorts ? (request.sourcePort ?? DEFAULT_SOURCE_PORT) : 0,
    destinationPort: withPorts ? (request.destinationPort ?? DEFAULT_DESTINATION_PORT) : 0,
    sizeBytes,
  };
}

/** An address, as nodes tell it each other. */
export const toldAddress = v.pipe(
  v.string(),
  v.maxLength(64),
  v.rawTransform(({ dataset, addIssue, NEVER }): IpAddress => {
    const parsed = parseIpAddress(dataset.value);
    if (parsed !== undefined) return parsed;
    addIssue({ message: 'is not an address' });
    return NEVER;
  }),
);
const whole = (max: number) => v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(max));

const toldPacket = v.object({
  source: toldAddress,
  destination: toldAddress,
  protocol: whole(MAX_PROTOCOL),
  sourcePort: whole(MAX_PORT),
  destinationPort: whole(MAX_PORT),
  sizeBytes: whole(MAX_SIZE_BYTES),
  isAnswer: v.optional(v.boolean()),
});

const toldAssumption = v.object({ packet: v.unknown(), from: v.string() });

const toldDatagrams = v.object({
  packet: v.unknown(),
  sender: toldAddress,
  trafficClass: whole(255),
  datagrams: v.pipe(
    v.array(v.pipe(v.string(), v.base64(), v.maxLength(MAX_DATAGRAM_BYTES * 2))),
    v.minLength(1),
    v.maxLength(MAX_DATAGRAMS),
  ),
});

/** A packet as one node tells it to another. */
export function tellPacket(packet: PacketDescription): unknown {
  return { ...packet, source: formatIpAddress(packet.source), destination: formatIpAddress(packet.destination) };
}

/** The same, read. @throws ConfigError if it is none. */
export function parseToldPacket(body: unknown): PacketDescription {
  const result = v.safeParse(toldPacket, body);
  if (!result.success) throw new ConfigError('packet', result.issues[0].message);
  const packet = result.output;
  const { family } = packet.source;
  if (family !== packet.destination.family) throw new ConfigError('packet', 'its addresses are of two families');
  if (packet.sizeBytes < minSizeBytes(family, packet.protocol)) throw new ConfigError('packet', 'is too short');
  return packet;
}

/** A packet, and the node that is assumed to send it. @throws ConfigError if it is none. */
export function parseAssumed(body: unknown): { readonly packet: PacketDescription; readonly from: string } {
  const result = v.safeParse(toldAssumption, body);
  if (!result.success) throw new ConfigError('packet', result.issues[0].message);
  return { packet: parseToldPacket(result.output.packet), from: result.output.from };
}

/** Name of the node that datagrams are handed on to. @throws ConfigError if there is none. */
export function parseNextNode(body: unknown): string {
  const result = v.safeParse(v.object({ node: v.string() }), body);
  if (!result.success) throw new ConfigError('node', result.issues[0].message);
  return result.output.node;
}

/** Datagrams that are handed on, read. @throws ConfigError if they are none. */
export function parseToldDatagrams(body: unknown): ArrivedDatagrams {
  const result = v.safeParse(toldDatagrams, body);
  if (!result.success) throw new ConfigError('datagrams', result.issues[0].message);
  const { sender, trafficClass, datagrams } = result.output;
  const decoded = datagrams.map((text) => new Uint8Array(Buffer.from(text, 'base64')));
  if (decoded.some(({ length }) => length > MAX_DATAGRAM_BYTES)) throw new ConfigError('datagrams', 'one is too long');
  return { packet: parseToldPacket(result.output.packet), sender, trafficClass, datagrams: decoded };
}

function needed(query: URLSearchParams, key: QueryKey): string {
  const text = query.get(key) ?? '';
  if (text === '') throw new ConfigError(key, 'is needed');
  return text;
}

function number(query: URLSearchParams, key: QueryKey, min: number, max: number): number | undefined {
  const text = query.get(key);
  if (text === null) return undefined;
  const value = Number(text);
  if (/^\d{1,9}$/.test(text) && value >= min && value <= max) return value;
  throw new ConfigError(key, `${text} is not a whole number from ${min} to ${max}`);
}

function parseAround(query: URLSearchParams): MomentWindow | undefined {
  const text = query.get('around');
  const windowSeconds = number(query, 'window', 1, MAX_AROUND_SECONDS) ?? DEFAULT_WINDOW_SECONDS;
  if (text === null) return undefined;
  const aroundMs = Date.parse(text);
  if (Number.isNaN(aroundMs)) throw new ConfigError('around', `${text} is not a time (ISO 8601)`);
  return { fromMs: aroundMs - windowSeconds * 1_000, toMs: aroundMs + windowSeconds * 1_000 };
}
