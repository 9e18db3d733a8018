/**
 * Rules of nftables as the kernel takes them, of the forms in which weft itself writes those that change often: others are left to `nft`. Pure.
 *
 *     ip saddr @set meta l4proto tcp th dport 80 goto chain
 *       └> meta nfproto, cmp; payload, lookup; meta l4proto, cmp; payload, cmp; immediate
 *
 * What is between a rule and these expressions is what `nft` makes of it, and a test compares both in the kernel.
 */
import { IPV4_DESTINATION_OFFSET, IPV4_SOURCE_OFFSET } from '../wire/ipv4.ts';
import { IPV6_DESTINATION_OFFSET, IPV6_SOURCE_OFFSET } from '../wire/ipv6.ts';
import { parseIpAddress } from '../wire/address.ts';
import { parsePrefix } from '../wire/prefix.ts';
import { TCP_FLAGS_OFFSET, TcpFlag } from '../wire/tcp.ts';
import { Abi } from './kernel-abi.ts';
import { type NetlinkAttribute, textValue, u32Value } from './netlink-message.ts';

/** What one rule lists: a set of its own, or a map, without a name. */
export type NftRuleList = {
  /** By which the rule finds it, within a transaction. */
  readonly id: number;
} & ({ readonly ports: readonly number[] } | { readonly choice: readonly NftChoice[] });

/** Where a packet goes whose number this is. */
export interface NftChoice {
  readonly number: number;
  readonly chain: string;
}

/** A rule, and the lists that it looks into. */
export interface NftRuleExpressions {
  readonly expressions: readonly NetlinkAttribute[];
  readonly lists: readonly NftRuleList[];
}

/** What a set, or a map, without a name is called until the kernel numbers it. */
export const ANONYMOUS_SET = '__set%d';
export const ANONYMOUS_MAP = '__map%d';

/** Where a rule is read. */
interface Reading {
  /** Whose header is looked into, as far as that was asked already. */
  family: string | undefined;
  readonly lists: NftRuleList[];
  readonly nextId: () => number;
}

/** `undefined`: it is no such form after all. */
type Reader = (words: readonly string[], reading: Reading) => readonly NetlinkAttribute[] | undefined;

const protocolNumbers: Readonly<Record<string, number>> = { tcp: 6, udp: 17, sctp: 132 };

const familyNumbers: Readonly<Record<string, number>> = { ip: Abi.NFPROTO_IPV4, ip6: Abi.NFPROTO_IPV6 };

/** Where addresses are in their header, and how long they are, in bytes. */
const addresses: Readonly<Record<string, { readonly saddr: number; readonly daddr: number; readonly length: number }>> =
  {
    ip: { saddr: IPV4_SOURCE_OFFSET, daddr: IPV4_DESTINATION_OFFSET, length: 4 },
    ip6: { saddr: IPV6_SOURCE_OFFSET, daddr: IPV6_DESTINATION_OFFSET, length: 16 },
  };

/** Where ports are in the headers of TCP, UDP and SCTP. */
const portOffsets: Readonly<Record<string, number>> = { sport: 0, dport: 2 };

const PORT_BYTES = 2;

/** Parts of what several registers hold begin one each: so many bytes. NFT_REG_2 is so many of them behind NFT_REG_1. */
const REGISTER_BYTES = 4;
const SECOND_REGISTER = 4;

/** Of these flags, a segment that begins a connection has SYN alone (RFC 9293, section 3.5). */
const BEGINNING_FLAGS = TcpFlag.fin | TcpFlag.syn | TcpFlag.rst | TcpFlag.ack;

const verdicts: Readonly<Record<string, number>> = {
  accept: Abi.NF_ACCEPT,
  drop: Abi.NF_DROP,
  return: Abi.NFT_RETURN,
  goto: Abi.NFT_GOTO,
  jump: Abi.NFT_JUMP,
};

/** Forms, each up to the end of a word. */
const readers: readonly (readonly [form: RegExp, read: Reader])[] = [
  [/^(goto|jump) ([\w-]+)/, ([word, chain]) => [verdict(word!, chain)]],
  [/^(accept|drop|return)/, ([word]) => [verdict(word!, undefined)]],
  [
    /^counter name ([\w-]+)/,
    ([name]) => [
      expression('objref', [
        [Abi.NFTA_OBJREF_IMM_TYPE, u32(Abi.NFT_OBJECT_COUNTER)],
        [Abi.NFTA_OBJREF_IMM_NAME, textValue(name!)],
      ]),
    ],
  ],
  [
    /^limit rate (\d+)\/second burst (\d+) packets/,
    ([rate, burst]) => [
      expression('limit', [
        [Abi.NFTA_LIMIT_RATE, u64(Number(rate))],
        [Abi.NFTA_LIMIT_UNIT, u64(1)],
        [Abi.NFTA_LIMIT_BURST, u32(Number(burst))],
        [Abi.NFTA_LIMIT_TYPE, u32(Abi.NFT_LIMIT_PKTS)],
      ]),
    ],
  ],
  [
    /^log prefix "([^"]*)" group (\d+) snaplen (\d+)/,
    ([prefix, group, snaplen]) => [
      expression('log', [
        [Abi.NFTA_LOG_PREFIX, textValue(prefix!)],
        [Abi.NFTA_LOG_GROUP, u16(Number(group))],
        [Abi.NFTA_LOG_SNAPLEN, u32(Number(snaplen))],
      ]),
    ],
  ],
  [
    /^ct status & confirmed (==|!=) 0/,
    ([operator]) => [
      expression('ct', [
        [Abi.NFTA_CT_KEY, u32(Abi.NFT_CT_STATUS)],
        [Abi.NFTA_CT_DREG, u32(Abi.NFT_REG_1)],
      ]),
      masked(u32Value(Abi.IPS_CONFIRMED)),
      compared(operator!, u32Value(0)),
    ],
  ],
  [
    /^tcp flags & \(fin \| syn \| rst \| ack\) (==|!=) syn/,
    ([operator]) => [
      loaded(Abi.NFT_META_L4PROTO),
      compared('==', Uint8Array.of(protocolNumbers['tcp']!)),
      payload(Abi.NFT_PAYLOAD_TRANSPORT_HEADER, TCP_FLAGS_OFFSET, 1),
      masked(Uint8Array.of(BEGINNING_FLAGS)),
      compared(operator!, Uint8Array.of(TcpFlag.syn)),
    ],
  ],
  [
    /^meta l4proto (?:(!=) )?(tcp|udp|sctp|132|\d{1,2})/,
    ([operator = '==', protocol]) => [
      loaded(Abi.NFT_META_L4PROTO),
      compared(operator, Uint8Array.of(protocolNumbers[protocol!] ?? Number(protocol))),
    ],
  ],
  [
    /^meta mark set meta mark \| 0x([\da-f]{1,8})/,
    ([hex]) => {
      const mark = Number.parseInt(hex!, 16);
      return [
        loaded(Abi.NFT_META_MARK),
        masked(u32Value(~mark >>> 0), u32Value(mark)),
        expression('meta', [
          [Abi.NFTA_META_KEY, u32(Abi.NFT_META_MARK)],
          [Abi.NFTA_META_SREG, u32(Abi.NFT_REG_1)],
        ]),
      ];
    },
  ],
  [
    /^(iifname|oifname) vmap @([\w-]+)/,
    ([field, map]) => [
      loaded(field === 'iifname' ? Abi.NFT_META_IIFNAME : Abi.NFT_META_OIFNAME),
      lookup(map!, [[Abi.NFTA_LOOKUP_DREG, u32(Abi.NFT_REG_VERDICT)]]),
    ],
  ],
  [
    /^(iifname|oifname) @([\w-]+)/,
    ([field, set]) => [loaded(field === 'iifname' ? Abi.NFT_META_IIFNAME : Abi.NFT_META_OIFNAME), lookup(set!)],
  ],
  [
    /^(ip|ip6) (saddr|daddr) \. meta l4proto \. th (sport|dport) @([\w-]+)/,
    ([family, end, port, set], reading) => [...portOf(family!, end!, port!, reading), lookup(set!)],
  ],
  [
    /^dnat (ip|ip6) to \1 daddr \. meta l4proto \. th dport map @([\w-]+)/,
    ([family, map], reading) => [
      ...portOf(family!, 'daddr', 'dport', reading),
      lookup(map!, [[Abi.NFTA_LOOKUP_DREG, u32(Abi.NFT_REG_1)]]),
      translated(family!, registerBehind(family!)),
    ],
  ],
  [/^dnat (ip) to ([\d.]+):(\d{1,5})/, ([family, to, port]) => translatedTo(family!, to!, Number(port))],
  [/^dnat (ip6) to \[([\da-f:]+)\]:(\d{1,5})/, ([family, to, port]) => translatedTo(family!, to!, Number(port))],
  [
    /^update @([\w-]+) \{ (ip|ip6) (saddr|daddr) \}/,
    ([set, family, end], reading) => [
      ...address(family!, end!, reading),
      expression('dynset', [
        [Abi.NFTA_DYNSET_SET_NAME, textValue(set!)],
        [Abi.NFTA_DYNSET_OP, u32(Abi.NFT_DYNSET_OP_UPDATE)],
        [Abi.NFTA_DYNSET_SREG_KEY, u32(Abi.NFT_REG_1)],
      ]),
    ],
  ],
  [
    /^jhash (ip|ip6) saddr \. th sport mod (\d+) seed 0x([\da-f]{1,8}) vmap \{ (\d+ : goto [\w-]+(?:, \d+ : goto [\w-]+)*) \}/,
    ([family, modulus, seed, texts], reading) => {
      const id = reading.nextId();
      const choice = texts!.split(', ').map((text): NftChoice => {
        const [number, chain] = text.split(' : goto ');
        return { number: Number(number), chain: chain! };
      });
      reading.lists.push({ id, choice });
      const { length } = addresses[family!]!;
      // The result takes the first register.
      const behind = registerBehind(family!) + SECOND_REGISTER;
      return [
        ...address(family!, 'saddr', reading, Abi.NFT_REG_2),
        payload(Abi.NFT_PAYLOAD_TRANSPORT_HEADER, portOffsets['sport']!, PORT_BYTES, behind),
        expression('hash', [
          [Abi.NFTA_HASH_SREG, u32(Abi.NFT_REG_2)],
          [Abi.NFTA_HASH_DREG, u32(Abi.NFT_REG_1)],
          [Abi.NFTA_HASH_LEN, u32(length + REGISTER_BYTES)],
          [Abi.NFTA_HASH_MODULUS, u32(Number(modulus))],
          [Abi.NFTA_HASH_SEED, u32(Number.parseInt(seed!, 16))],
          [Abi.NFTA_HASH_TYPE, u32(Abi.NFT_HASH_JENKINS)],
        ]),
        lookup(ANONYMOUS_MAP, [
          [Abi.NFTA_LOOKUP_DREG, u32(Abi.NFT_REG_VERDICT)],
          [Abi.NFTA_LOOKUP_SET_ID, u32(id)],
        ]),
      ];
    },
  ],
  [
    /^(ip|ip6) (saddr|daddr) @([\w-]+)/,
    ([family, end, set], reading) => [...address(family!, end!, reading), lookup(set!)],
  ],
  [
    /^(ip|ip6) (saddr|daddr) ([\da-f.:]+\/\d+)/,
    ([family, end, text], reading) => within(family!, end!, text!, reading),
  ],
  [
    /^th (sport|dport) (\d+)-(\d+)/,
    ([port, first, last]) => [
      payload(Abi.NFT_PAYLOAD_TRANSPORT_HEADER, portOffsets[port!]!, PORT_BYTES),
      compared('>=', u16(Number(first))),
      compared('<=', u16(Number(last))),
    ],
  ],
  [
    /^th (sport|dport) (\d+)/,
    ([port, number]) => [
      payload(Abi.NFT_PAYLOAD_TRANSPORT_HEADER, portOffsets[port!]!, PORT_BYTES),
      compared('==', u16(Number(number))),
    ],
  ],
  [
    /^th (sport|dport) \{ ([\d, ]+) \}/,
    ([port, numbers], { lists, nextId }) => {
      const id = nextId();
      lists.push({ id, ports: numbers!.split(', ').map(Number) });
      return [
        payload(Abi.NFT_PAYLOAD_TRANSPORT_HEADER, portOffsets[port!]!, PORT_BYTES),
        lookup(ANONYMOUS_SET, [[Abi.NFTA_LOOKUP_SET_ID, u32(id)]]),
      ];
    },
  ],
];

/** `undefined`: it has a form that is not known here. @param nextId gives numbers for lists: each one once in a transaction */
export function ruleExpressions(rule: string, nextId: () => number): NftRuleExpressions | undefined {
  const reading: Reading = { family: undefined, lists: [], nextId };
  const expressions: NetlinkAttribute[] = [];
  for (let rest = rule; rest !== '';) {
    const found = readerOf(rest);
    if (found === undefined) return undefined;
    const [[matched, ...words], read] = found;
    const some = read(words, reading);
    if (some === undefined) return undefined;
    expressions.push(...some);
    rest = rest.slice(matched.length).trimStart();
  }
  return { expressions, lists: reading.lists };
}

function readerOf(text: string): readonly [RegExpExecArray, Reader] | undefined {
  for (const [form, read] of readers) {
    const match = form.exec(text);
    // Up to the end of a word: `80` is no beginning of `80-90`.
    if (match !== null && [undefined, ' '].includes(text[match[0].length])) return [match, read];
  }
  return undefined;
}

function expression(name: string, data: readonly NetlinkAttribute[]): NetlinkAttribute {
  return [
    Abi.NFTA_LIST_ELEM,
    [
      [Abi.NFTA_EXPR_NAME, textValue(name)],
      [Abi.NFTA_EXPR_DATA, data],
    ],
  ];
}

function verdict(word: string, chain: string | undefined): NetlinkAttribute {
  const code: NetlinkAttribute = [Abi.NFTA_VERDICT_CODE, u32(verdicts[word]!)];
  const to: readonly NetlinkAttribute[] = chain === undefined ? [] : [[Abi.NFTA_VERDICT_CHAIN, textValue(chain)]];
  return expression('immediate', [
    [Abi.NFTA_IMMEDIATE_DREG, u32(Abi.NFT_REG_VERDICT)],
    [Abi.NFTA_IMMEDIATE_DATA, [[Abi.NFTA_DATA_VERDICT, [code, ...to]]]],
  ]);
}

function loaded(key: number, register: number = Abi.NFT_REG_1): NetlinkAttribute {
  return expression('meta', [
    [Abi.NFTA_META_KEY, u32(key)],
    [Abi.NFTA_META_DREG, u32(register)],
  ]);
}

function payload(base: number, offset: number, length: number, register: number = Abi.NFT_REG_1): NetlinkAttribute {
  return expression('payload', [
    [Abi.NFTA_PAYLOAD_DREG, u32(register)],
    [Abi.NFTA_PAYLOAD_BASE, u32(base)],
    [Abi.NFTA_PAYLOAD_OFFSET, u32(offset)],
    [Abi.NFTA_PAYLOAD_LEN, u32(length)],
  ]);
}

const operators: Readonly<Record<string, number>> = {
  '==': Abi.NFT_CMP_EQ,
  '!=': Abi.NFT_CMP_NEQ,
  '>=': Abi.NFT_CMP_GTE,
  '<=': Abi.NFT_CMP_LTE,
};

function compared(operator: string, value: Uint8Array): NetlinkAttribute {
  return expression('cmp', [
    [Abi.NFTA_CMP_SREG, u32(Abi.NFT_REG_1)],
    [Abi.NFTA_CMP_OP, u32(operators[operator]!)],
    [Abi.NFTA_CMP_DATA, [[Abi.NFTA_DATA_VALUE, value]]],
  ]);
}

/** Bits that are not in the mask become those of `xor`. */
function masked(mask: Uint8Array, xor: Uint8Array = new Uint8Array(mask.length)): NetlinkAttribute {
  return expression('bitwise', [
    [Abi.NFTA_BITWISE_SREG, u32(Abi.NFT_REG_1)],
    [Abi.NFTA_BITWISE_DREG, u32(Abi.NFT_REG_1)],
    [Abi.NFTA_BITWISE_LEN, u32(mask.length)],
    [Abi.NFTA_BITWISE_MASK, [[Abi.NFTA_DATA_VALUE, mask]]],
    [Abi.NFTA_BITWISE_XOR, [[Abi.NFTA_DATA_VALUE, xor]]],
  ]);
}

function lookup(set: string, more: readonly NetlinkAttribute[] = []): NetlinkAttribute {
  return expression('lookup', [
    [Abi.NFTA_LOOKUP_SET, textValue(set)],
    [Abi.NFTA_LOOKUP_SREG, u32(Abi.NFT_REG_1)],
    ...more,
  ]);
}

/** An address. Tables are of both families: which one it is, is asked before, once. */
function address(
  family: string,
  end: string,
  reading: Reading,
  register: number = Abi.NFT_REG_1,
  lengthBytes = addresses[family]!.length,
): NetlinkAttribute[] {
  const isAsked = reading.family === family;
  reading.family = family;
  const header = addresses[family]!;
  const offset = end === 'saddr' ? header.saddr : header.daddr;
  return [
    ...(isAsked ? [] : [loaded(Abi.NFT_META_NFPROTO), compared('==', Uint8Array.of(familyNumbers[family]!))]),
    payload(Abi.NFT_PAYLOAD_NETWORK_HEADER, offset, lengthBytes, register),
  ];
}

/** Whether an address is in a prefix: of whole bytes, these alone are looked at. */
function within(family: string, end: string, text: string, reading: Reading): readonly NetlinkAttribute[] | undefined {
  const prefix = parsePrefix(text);
  if (prefix === undefined || prefix.lengthBits === 0) return undefined;
  const { bytes } = prefix.address;
  if (bytes.length !== addresses[family]!.length) return undefined;
  const { lengthBits } = prefix;
  if (lengthBits % 8 === 0) {
    const whole = bytes.slice(0, lengthBits / 8);
    return [...address(family, end, reading, Abi.NFT_REG_1, whole.length), compared('==', whole)];
  }
  const mask = bytes.map((_, index) => 0xff_00 >> Math.min(8, Math.max(0, lengthBits - index * 8)));
  return [...address(family, end, reading), masked(mask), compared('==', bytes)];
}

/** An address, a protocol and a port, one behind the other, each beginning a register of four bytes. */
function portOf(family: string, end: string, port: string, reading: Reading): NetlinkAttribute[] {
  const behind = registerBehind(family);
  return [
    ...address(family, end, reading),
    loaded(Abi.NFT_META_L4PROTO, behind),
    payload(Abi.NFT_PAYLOAD_TRANSPORT_HEADER, portOffsets[port]!, PORT_BYTES, behind + 1),
  ];
}

/** The register behind an address in the first one. */
function registerBehind(family: string): number {
  return Abi.NFT_REG32_00 + addresses[family]!.length / REGISTER_BYTES;
}

/** To an address in the first register, and the port in another. */
function translated(family: string, portRegister: number): NetlinkAttribute {
  return expression('nat', [
    [Abi.NFTA_NAT_TYPE, u32(Abi.NFT_NAT_DNAT)],
    [Abi.NFTA_NAT_FAMILY, u32(familyNumbers[family]!)],
    [Abi.NFTA_NAT_REG_ADDR_MIN, u32(Abi.NFT_REG_1)],
    [Abi.NFTA_NAT_REG_PROTO_MIN, u32(portRegister)],
  ]);
}

function translatedTo(family: string, text: string, port: number): readonly NetlinkAttribute[] | undefined {
  const to = parseIpAddress(text);
  if (to?.bytes.length !== addresses[family]!.length || port > 0xff_ff) return undefined;
  return [stored(to.bytes, Abi.NFT_REG_1), stored(u16(port), Abi.NFT_REG_2), translated(family, Abi.NFT_REG_2)];
}

function stored(value: Uint8Array, register: number): NetlinkAttribute {
  return expression('immediate', [
    [Abi.NFTA_IMMEDIATE_DREG, u32(register)],
    [Abi.NFTA_IMMEDIATE_DATA, [[Abi.NFTA_DATA_VALUE, value]]],
  ]);
}

/** Numbers of nftables are in network order. */
export function u32(value: number): Uint8Array {
  return Uint8Array.of(value >>> 24, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff);
}

export function u16(value: number): Uint8Array {
  return Uint8Array.of(value >> 8, value & 0xff);
}

export function u64(value: number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setUint32(4, value);
  return bytes;
}
