/** Values in rules of nftables, as `nft -j` writes them: numbers, names of numbers, addresses, prefixes, ranges, sets. */
import { Icmpv6Type } from '../wire/icmpv6.ts';
import { IcmpType } from '../wire/icmp.ts';
import { parseIpAddress } from '../wire/address.ts';
import { IpProtocol } from '../wire/ip.ts';
import { ConnectionBit, type Field, NfProtocol, type Subject } from './field.ts';
import { obscurePattern, type Pattern, type Value } from './pattern.ts';
import { TcpFlag } from '../wire/tcp.ts';

/** Numbers behind names, by the field that is compared with them. Other names are not understood. */
const protocols: Readonly<Record<string, number>> = {
  icmp: IpProtocol.icmp,
  igmp: 2,
  ipencap: 4,
  tcp: IpProtocol.tcp,
  udp: IpProtocol.udp,
  dccp: 33,
  ipv6: 41,
  gre: 47,
  esp: 50,
  ah: 51,
  'ipv6-icmp': IpProtocol.icmpv6,
  icmpv6: IpProtocol.icmpv6,
  ospf: 89,
  vrrp: 112,
  comp: 108,
  sctp: 132,
  udplite: 136,
};
const names: Partial<Readonly<Record<Field, Readonly<Record<string, number>>>>> = {
  nfproto: NfProtocol,
  l4proto: protocols,
  'ip protocol': protocols,
  'ip6 nexthdr': protocols,
  'ct state': ConnectionBit,
  'ct direction': { original: 0, reply: 1 },
  'ct status': { expected: 1, 'seen-reply': 2, assured: 4, confirmed: 8, snat: 0x10, dnat: 0x20, dying: 0x2_00 },
  'tcp flags': { ...TcpFlag, fin: 1, syn: 2, rst: 4, psh: 8, ack: 0x10, urg: 0x20, ecn: 0x40, cwr: 0x80 },
  'icmp type': {
    'echo-reply': IcmpType.echoReply,
    'destination-unreachable': IcmpType.destinationUnreachable,
    'source-quench': IcmpType.sourceQuench,
    redirect: IcmpType.redirect,
    'echo-request': IcmpType.echoRequest,
    'router-advertisement': 9,
    'router-solicitation': 10,
    'time-exceeded': IcmpType.timeExceeded,
    'parameter-problem': IcmpType.parameterProblem,
    'timestamp-request': 13,
    'timestamp-reply': 14,
    'info-request': 15,
    'info-reply': 16,
    'address-mask-request': 17,
    'address-mask-reply': 18,
  },
  'icmpv6 type': {
    'destination-unreachable': Icmpv6Type.destinationUnreachable,
    'packet-too-big': Icmpv6Type.packetTooBig,
    'time-exceeded': Icmpv6Type.timeExceeded,
    'parameter-problem': 4,
    'echo-request': Icmpv6Type.echoRequest,
    'echo-reply': Icmpv6Type.echoReply,
    'mld-listener-query': 130,
    'mld-listener-report': 131,
    'mld-listener-done': 132,
    'mld-listener-reduction': 132,
    'nd-router-solicit': 133,
    'nd-router-advert': 134,
    'nd-neighbor-solicit': 135,
    'nd-neighbor-advert': 136,
    'nd-redirect': 137,
    'router-renumbering': 138,
    'ind-neighbor-solicit': 141,
    'ind-neighbor-advert': 142,
    'mld2-listener-report': 143,
  },
};

/** Fields whose values are names. */
const named: readonly Field[] = [
  'iifname',
  'oifname',
  'ether saddr',
  'meta protocol',
  'fib saddr iif',
  'fib daddr type',
];

const addresses: readonly Field[] = ['ip saddr', 'ip daddr', 'ip6 saddr', 'ip6 daddr'];

/** A single value of a field; `undefined` if it is not understood. */
export function readValue(field: Field, json: unknown): Value | undefined {
  if (field === 'obscure') return undefined;
  if (field === 'fib saddr iif') return json === false || json === 0 ? 'missing' : json === true ? 'exists' : undefined;
  if (addresses.includes(field)) return typeof json === 'string' ? parseIpAddress(json) : undefined;
  // Whether an address is of another kind than this machine's own, nobody looks up here.
  if (field === 'fib daddr type') return json === 'local' || json === 2 ? 'local' : undefined;
  if (named.includes(field)) return typeof json === 'string' ? unescaped(json) : undefined;
  if (typeof json === 'number') return json;
  return typeof json === 'string' ? names[field]?.[json] : undefined;
}

/** Elements of a set, or a single one, for fields that are looked up together. */
export function readPatterns(subjects: readonly Subject[], json: unknown): Pattern[] {
  const elements = isObject(json) && Array.isArray(json['set']) ? json['set'] : [json];
  return elements.map((element) => readPattern(subjects, element));
}

/** Bits of a value that is a set of them: a name, a number, or several with `|`. */
export function readBits(field: Field, json: unknown): number | undefined {
  const parts = Array.isArray(json) ? json : isObject(json) && Array.isArray(json['|']) ? json['|'] : undefined;
  if (parts === undefined) {
    const value = readValue(field, json);
    return typeof value === 'number' ? value : undefined;
  }
  return parts
    .map((part) => readBits(field, part))
    .reduce((bits, part) => (bits === undefined || part === undefined ? undefined : bits | part), 0);
}

/** One element. Time-outs, counters and comments that it has do not matter. */
export function readPattern(subjects: readonly Subject[], json: unknown): Pattern {
  const element = isObject(json) && isObject(json['elem']) ? json['elem']['val'] : json;
  const [subject] = subjects;
  if (isObject(element) && Array.isArray(element['concat'])) {
    const parts = element['concat'];
    if (parts.length !== subjects.length) return obscurePattern;
    return { kind: 'row', patterns: subjects.map(({ field }, index) => readSingle(field, parts[index])) };
  }
  return subjects.length === 1 && subject !== undefined ? readSingle(subject.field, element) : obscurePattern;
}

function readSingle(field: Field, json: unknown): Pattern {
  if (isObject(json)) {
    if (Array.isArray(json['range'])) return readRange(field, json['range']);
    return isObject(json['prefix']) ? readPrefix(field, json['prefix']) : readFlags(field, json);
  }
  if (Array.isArray(json)) return readFlags(field, json);
  if ((field === 'iifname' || field === 'oifname') && typeof json === 'string' && /(^|[^\\])\*$/.test(json)) {
    return { kind: 'begins', text: unescaped(json.slice(0, -1)) };
  }
  const value = readValue(field, json);
  return value === undefined ? obscurePattern : { kind: 'is', value };
}

function readRange(field: Field, [from, to]: readonly unknown[]): Pattern {
  const [first, last] = [readValue(field, from), readValue(field, to)];
  return first === undefined || last === undefined ? obscurePattern : { kind: 'range', first, last };
}

function readPrefix(field: Field, { addr, len }: Readonly<Record<string, unknown>>): Pattern {
  const address = readValue(field, addr);
  if (typeof address !== 'object' || typeof len !== 'number') return obscurePattern;
  return { kind: 'prefix', prefix: { address, lengthBits: len } };
}

/** Several flags are one value: `syn,ack`. */
function readFlags(field: Field, json: unknown): Pattern {
  const value = readBits(field, json);
  return value === undefined ? obscurePattern : { kind: 'is', value };
}

/** A `*` that belongs to the name is written `\*`. */
function unescaped(name: string): string {
  return name.replaceAll('\\*', '*');
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
