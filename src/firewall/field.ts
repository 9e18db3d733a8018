/** Fields of a packet that rules ask for, by the words of nftables. */
import { IpProtocol } from '../wire/ip.ts';
import type { FilteredPacket } from './filtered-packet.ts';
import type { Value } from './pattern.ts';

/**
 * What is compared. `mask` is applied to numbers before.
 *
 * An `obscure` field is one that is not looked into.
 */
export interface Subject {
  readonly field: Field;
  readonly mask?: number;
}

export type Field = keyof typeof readers | 'obscure';

/** A value, `undefined` if it is not known, or `null`: the packet has no such field, so that a rule which asks for it does not match. */
export type Reading = Value | undefined | null;

/** Whether a name is that of a field. */
export function isField(name: string): name is Field {
  return name in readers;
}

/** What `packet` has there. */
export function readField({ field, mask }: Subject, packet: FilteredPacket): Reading {
  if (field === 'obscure') return undefined;
  const value = readers[field](packet);
  // Unsigned: a mark has 32 bits.
  return typeof value === 'number' && mask !== undefined ? (value & mask) >>> 0 : value;
}

/** Numbers of address families, as `meta nfproto` has them. */
export const NfProtocol = { ipv4: 2, ipv6: 10 } as const;

/** Bits of `ct state`. */
export const ConnectionBit = { invalid: 1, established: 2, related: 4, new: 8, untracked: 0x40 } as const;

/** What `fib daddr type` says of addresses that are not this machine's: no more is known of them. */
const NOT_LOCAL = 'not local';

type Reader = (packet: FilteredPacket) => Reading;

const readers = {
  iifname: ({ inDevice }) => inDevice,
  oifname: ({ outDevice }) => outDevice,
  'ether saddr': ({ sourceMac }) => (sourceMac === '' ? null : sourceMac),
  'meta protocol': ({ family }) => (family === 4 ? 'ip' : 'ip6'),
  nfproto: ({ family }) => (family === 4 ? NfProtocol.ipv4 : NfProtocol.ipv6),
  l4proto: ({ protocol }) => protocol,
  'ip protocol': ofFamily(4, ({ protocol }) => protocol),
  // Without extension headers, as packets are that open a connection.
  'ip6 nexthdr': ofFamily(6, ({ protocol }) => protocol),
  'ip saddr': ofFamily(4, ({ source }) => source),
  'ip daddr': ofFamily(4, ({ destination }) => destination),
  'ip6 saddr': ofFamily(6, ({ source }) => source),
  'ip6 daddr': ofFamily(6, ({ destination }) => destination),
  'tcp sport': ofProtocol(IpProtocol.tcp, ({ sourcePort }) => sourcePort),
  'tcp dport': ofProtocol(IpProtocol.tcp, ({ destinationPort }) => destinationPort),
  'tcp flags': ofProtocol(IpProtocol.tcp, ({ tcpFlags }) => tcpFlags),
  'udp sport': ofProtocol(IpProtocol.udp, ({ sourcePort }) => sourcePort),
  'udp dport': ofProtocol(IpProtocol.udp, ({ destinationPort }) => destinationPort),
  // What is no TCP or UDP has something else where these have their ports.
  'th sport': (packet) => (hasPorts(packet) ? packet.sourcePort : undefined),
  'th dport': (packet) => (hasPorts(packet) ? packet.destinationPort : undefined),
  'icmp type': ofProtocol(IpProtocol.icmp, ({ icmpType }) => icmpType),
  'icmp code': ofProtocol(IpProtocol.icmp, ({ icmpCode }) => icmpCode),
  'icmpv6 type': ofProtocol(IpProtocol.icmpv6, ({ icmpType }) => icmpType),
  'icmpv6 code': ofProtocol(IpProtocol.icmpv6, ({ icmpCode }) => icmpCode),
  'sctp sport': ofProtocol(132, () => undefined),
  'sctp dport': ofProtocol(132, () => undefined),
  'dccp sport': ofProtocol(33, () => undefined),
  'dccp dport': ofProtocol(33, () => undefined),
  'udplite sport': ofProtocol(136, () => undefined),
  'udplite dport': ofProtocol(136, () => undefined),
  mark: ({ mark }) => mark,
  'ct mark': ofConnection(({ connectionMark }) => connectionMark),
  'ct state': ({ connection }) => (connection === undefined ? undefined : ConnectionBit[connection]),
  'ct direction': ofConnection(({ connection, isReply }) =>
    isReply === true ? 1 : connection === 'new' ? 0 : undefined,
  ),
  // Bits: answered, assured, rewritten and so on. A new connection has none, unless it was rewritten.
  'ct status': ofConnection(({ connection, isTranslated }) =>
    connection === 'new' && isTranslated === false ? 0 : undefined,
  ),
  'fib daddr type': ({ isDestinationLocal }) =>
    isDestinationLocal === undefined ? undefined : isDestinationLocal ? 'local' : NOT_LOCAL,
  'fib saddr iif': ({ returnsByInDevice }) =>
    returnsByInDevice === undefined ? undefined : returnsByInDevice ? 'exists' : 'missing',
} as const satisfies Readonly<Record<string, Reader>>;

/** What is in no connection has nothing of one. */
function ofConnection(read: Reader): Reader {
  return (packet) => (packet.connection === 'untracked' ? null : read(packet));
}

function ofFamily(family: 4 | 6, read: Reader): Reader {
  return (packet) => (packet.family === family ? read(packet) : null);
}

function ofProtocol(protocol: number, read: Reader): Reader {
  return (packet) => (packet.protocol === undefined ? undefined : packet.protocol === protocol ? read(packet) : null);
}

function hasPorts({ protocol }: FilteredPacket): boolean {
  return protocol === IpProtocol.tcp || protocol === IpProtocol.udp;
}
