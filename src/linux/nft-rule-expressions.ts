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
import { TCP_FLAGS_OFFSET, TcpFlag } from '../wire/tcp.ts';
import { Abi } from './kernel-abi.ts';
import { type NetlinkAttribute, textValue, u32Value } from './netlink-message.ts';

/** Ports that one rule lists: a set of its own, without a name. */
export interface NftPortList {
  /** By which the rule finds it, within a transaction. */
  readonly id: number;
  readonly ports: readonly number[];
}

/** A rule, and the lists that it looks into. */
export interface NftRuleExpressions {
  readonly expressions: readonly NetlinkAttribute[];
  readonly lists: readonly NftPortList[];
}

/** What a set without a name is called until the kernel numbers it. */
export const ANONYMOUS_SET = '__set%d';

/** Where a rule is read. */
interface Reading {
  /** Whose header is looked into, as far as that was asked already. */
  family: string | undefined;
  readonly lists: NftPortList[];
  readonly nextId: () => number;
}

type Reader = (words: readonly string[], reading: Reading) => readonly NetlinkAttribute[];

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
    /^meta l4proto (?:(!=) )?(tcp|udp|sctp)/,
    ([operator = '==', protocol]) => [
      loaded(Abi.NFT_META_L4PROTO),
      compared(operator, Uint8Array.of(protocolNumbers[protocol!]!)),
    ],
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
    ([family, end, port, set], reading) => {
      // Behind the address, each in a register of four bytes.
      const behind = Abi.NFT_REG32_00 + addresses[family!]!.length / 4;
      return [
        ...address(family!, end!, reading),
        loaded(Abi.NFT_META_L4PROTO, behind),
        payload(Abi.NFT_PAYLOAD_TRANSPORT_HEADER, portOffsets[port!]!, PORT_BYTES, behind + 1),
        lookup(set!),
      ];
    },
  ],
  [
    /^(ip|ip6) (saddr|daddr) @([\w-]+)/,
    ([family, end, set], reading) => [...address(family!, end!, reading), lookup(set!)],
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
    expressions.push(...read(words, reading));
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

function masked(mask: Uint8Array): NetlinkAttribute {
  return expression('bitwise', [
    [Abi.NFTA_BITWISE_SREG, u32(Abi.NFT_REG_1)],
    [Abi.NFTA_BITWISE_DREG, u32(Abi.NFT_REG_1)],
    [Abi.NFTA_BITWISE_LEN, u32(mask.length)],
    [Abi.NFTA_BITWISE_MASK, [[Abi.NFTA_DATA_VALUE, mask]]],
    [Abi.NFTA_BITWISE_XOR, [[Abi.NFTA_DATA_VALUE, new Uint8Array(mask.length)]]],
  ]);
}

function lookup(set: string, more: readonly NetlinkAttribute[] = []): NetlinkAttribute {
  return expression('lookup', [
    [Abi.NFTA_LOOKUP_SET, textValue(set)],
    [Abi.NFTA_LOOKUP_SREG, u32(Abi.NFT_REG_1)],
    ...more,
  ]);
}

/** An address, in the first register. Tables are of both families: which one it is, is asked before, once. */
function address(family: string, end: string, reading: Reading): NetlinkAttribute[] {
  const isAsked = reading.family === family;
  reading.family = family;
  const header = addresses[family]!;
  const offset = end === 'saddr' ? header.saddr : header.daddr;
  return [
    ...(isAsked ? [] : [loaded(Abi.NFT_META_NFPROTO), compared('==', Uint8Array.of(familyNumbers[family]!))]),
    payload(Abi.NFT_PAYLOAD_NETWORK_HEADER, offset, header.length),
  ];
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
