/**
 * Rules of nftables that have the kernel say what it does with packets of a trace, and with no others: in a table of our own, `inet
 * weft-trace`, for as long as the trace lasts. They change nothing in a packet.
 *
 * A packet is known by the chain that sets its mark of tracing: `t7-inner-probe-1`. VXLAN is known by what is in it.
 */
import { ETHERNET_HEADER_LENGTH } from '../../wire/ethernet.ts';
import { formatIpAddress, type IpAddress } from '../../wire/address.ts';
import { isEcho } from '../../explain/packet-description.ts';
import { IPV4_DESTINATION_OFFSET, IPV4_MIN_HEADER_LENGTH, IPV4_SOURCE_OFFSET } from '../../wire/ipv4.ts';
import { IPV6_DESTINATION_OFFSET, IPV6_HEADER_LENGTH, IPV6_SOURCE_OFFSET } from '../../wire/ipv6.ts';
import { IpProtocol } from '../../wire/ip.ts';
import { TCP_FLAGS_OFFSET, TcpFlag } from '../../wire/tcp.ts';
import { UDP_HEADER_LENGTH } from '../../wire/udp.ts';
import { VXLAN_HEADER_LENGTH } from '../../wire/vxlan.ts';
import type { TracedPacket } from './trace-probe.ts';

/** A trace, as the rules know it. */
export interface RuledTrace {
  /** Number of the listener. */
  readonly id: number;
  readonly traced: TracedPacket;
  /** Of its probes, from 1 on. */
  readonly count: number;
}

/** What a chain of a trace says of a packet. */
export interface TraceLabel {
  readonly id: number;
  readonly layer: 'inner' | 'outer';
  readonly role: 'probe' | 'answer';
  readonly number: number;
}

/** Where the inner packet begins in what UDP carries, in bytes from the UDP header. */
const INNER_AT = UDP_HEADER_LENGTH + VXLAN_HEADER_LENGTH + ETHERNET_HEADER_LENGTH;

/** Before all that others are likely to have, and behind it. */
const FIRST_PRIORITY = -350;
const LAST_PRIORITY = 350;

/** What is read from the name of a chain. */
export function readTraceLabel(chain: string): TraceLabel | undefined {
  const [, id, layer, role, number] = /^t(\d+)-(inner|outer)-(probe|answer)-(\d+)$/.exec(chain) ?? [];
  if (id === undefined) return undefined;
  return { id: Number(id), layer: layer as 'inner', role: role as 'probe', number: Number(number) };
}

/** Text between the braces of the table. */
export function renderTraceRules(traces: readonly RuledTrace[]): string {
  const marks = traces.flatMap(marksOf);
  return [
    ...marks.map(({ chain }) => `chain ${chain} { meta nftrace set 1; }`),
    `chain traced {\n${marks.map(({ match, chain }) => `${match} goto ${chain}`).join('\n')}\n}`,
    ...['prerouting', 'output'].map((hook) => base(hook, hook, FIRST_PRIORITY, 'jump traced;')),
    // They do nothing, but show that a packet came so far.
    ...['input', 'forward'].map((hook) => base(hook, hook, FIRST_PRIORITY, '')),
    base('postrouting', 'postrouting', LAST_PRIORITY, ''),
  ].join('\n');
}

function base(name: string, hook: string, priority: number, rule: string): string {
  return `chain ${name} { type filter hook ${hook} priority ${priority}; policy accept; ${rule} }`;
}

function marksOf({ id, traced, count }: RuledTrace): { readonly chain: string; readonly match: string }[] {
  const numbers = Array.from({ length: count }, (_, index) => index + 1);
  return numbers.flatMap((number) =>
    (['probe', 'answer'] as const).flatMap((role) => [
      { chain: `t${id}-inner-${role}-${number}`, match: innerMatch(traced, role, number) },
      { chain: `t${id}-outer-${role}-${number}`, match: outerMatch(traced, role, number) },
    ]),
  );
}

function innerMatch(traced: TracedPacket, role: TraceLabel['role'], number: number): string {
  const { source, destination, protocol, mark, destinationPort } = traced;
  const ip = source.family === 4 ? 'ip' : 'ip6';
  const [from, to] = role === 'probe' ? [source, destination] : [destination, source];
  const addresses = `${ip} saddr ${formatIpAddress(from)} ${ip} daddr ${formatIpAddress(to)}`;
  if (isEcho(source.family, protocol)) {
    const icmp = source.family === 4 ? 'icmp' : 'icmpv6';
    const type = role === 'probe' ? 'echo-request' : 'echo-reply';
    return `${addresses} ${icmp} type ${type} ${icmp} id ${mark} ${icmp} sequence ${number}`;
  }
  const name = protocol === IpProtocol.tcp ? 'tcp' : 'udp';
  const [own, other] = role === 'probe' ? ['sport', 'dport'] : ['dport', 'sport'];
  const flags = isSyn(protocol, role) ? ' tcp flags & (syn | ack) == syn' : '';
  return `${addresses} ${name} ${own} ${mark + number} ${name} ${other} ${destinationPort}${flags}`;
}

/**
 * Whether it is a SYN, and must be told from other segments of the same ports: the kernel of the source knows of no
 * connection, and resets the one that an answer would open (RFC 9293, section 3.10.7.1).
 */
function isSyn(protocol: number, role: TraceLabel['role']): boolean {
  return protocol === IpProtocol.tcp && role === 'probe';
}

function outerMatch(traced: TracedPacket, role: TraceLabel['role'], number: number): string {
  const { source, destination, protocol, mark } = traced;
  const [from, to] = role === 'probe' ? [source, destination] : [destination, source];
  const [sourceAt, destinationAt, length] =
    source.family === 4
      ? [IPV4_SOURCE_OFFSET, IPV4_DESTINATION_OFFSET, IPV4_MIN_HEADER_LENGTH]
      : [IPV6_SOURCE_OFFSET, IPV6_DESTINATION_OFFSET, IPV6_HEADER_LENGTH];
  const transportAt = INNER_AT + length;
  const identity = isEcho(source.family, protocol)
    ? [octets(transportAt + 4, 2, hex16(mark)), octets(transportAt + 6, 2, hex16(number))]
    : [octets(transportAt + (role === 'probe' ? 0 : 2), 2, hex16(mark + number))];
  const synOrAck = hex8(TcpFlag.syn | TcpFlag.ack);
  const flags = isSyn(protocol, role)
    ? [octets(transportAt + TCP_FLAGS_OFFSET, 1, `& ${synOrAck} == ${hex8(TcpFlag.syn)}`)]
    : [];
  return [
    'meta l4proto udp',
    octets(INNER_AT + sourceAt, from.bytes.length, hexOf(from)),
    octets(INNER_AT + destinationAt, to.bytes.length, hexOf(to)),
    ...identity,
    ...flags,
  ].join(' ');
}

/** Bytes behind the beginning of the UDP header. */
function octets(at: number, length: number, value: string): string {
  return `@th,${at * 8},${length * 8} ${value}`;
}

function hexOf({ bytes }: IpAddress): string {
  return `0x${Array.from(bytes, (octet) => octet.toString(16).padStart(2, '0')).join('')}`;
}

function hex8(value: number): string {
  return `0x${value.toString(16).padStart(2, '0')}`;
}

function hex16(value: number): string {
  return `0x${value.toString(16).padStart(4, '0')}`;
}
