/**
 * A revision of a table of nftables as messages, in the order of `revisionLines`. Pure.
 *
 * Chosen: messages of our own, for the forms of rules that policies and services have. Instead of: `nft`, as where a table is made. Because: before it changes
 * one rule, `nft` (1.0.6) reads all chains, sets and counters of all tables, which takes 50 ms where there are a thousand policies, for each pod
 * that is made, and some 300 ms where there are ten thousand services, for each backend of one with affinity.
 */
import { parsePrefix } from '../wire/prefix.ts';
import { Abi, Struct } from './kernel-abi.ts';
import { encodeMessage, type NetlinkAttribute, textValue, u32Value } from './netlink-message.ts';
import {
  elementMessages,
  lastBytes,
  MAX_ELEMENTS,
  MAX_TRANSACTION_BYTES,
  type NftTransactionMessages,
  tableFamilies,
  transactionOf,
  verdictData,
} from './nft-element-message.ts';
import { hasRanges, revisedElements } from './nft-made-tables.ts';
import {
  ANONYMOUS_MAP,
  ANONYMOUS_SET,
  type NftChoice,
  type NftRuleList,
  ruleExpressions,
  u16,
  u32,
  u64,
} from './nft-rule-expressions.ts';
import type { NftSetContent, NftTableContent } from './nft-table-content.ts';
import type { NftTableRevision } from './nft-table-revision.ts';
import type { NftTable } from './nftables.ts';

/** Messages of one transaction at most: the kernel answers each, and there has to be room for all answers. */
const MAX_MESSAGES = 2_000;

/** Numbers and lengths, in bytes, of the types of which elements are (`nft`, datatype.h). */
const types: Readonly<Record<string, { readonly number: number; readonly length: number }>> = {
  ipv4_addr: { number: 7, length: 4 },
  ipv6_addr: { number: 8, length: 16 },
  inet_proto: { number: 12, length: 1 },
  inet_service: { number: 13, length: 2 },
};

/** Bits of the number of a type, where several are one (`nft`, TYPE_BITS). */
const TYPE_BITS = 6;

/** Parts of an element that has several begin at multiples of this, in bytes. */
const PART_BYTES = 4;

/** @param before what the table holds. `undefined`: that is left to `nft`, as there is too much of it, or it is of a kind that is not known here. */
export function revisionTransaction(
  before: NftTableContent,
  revision: NftTableRevision,
): NftTransactionMessages | undefined {
  const { table } = before;
  let id = 0;
  const nextId = (): number => ++id;
  const { counters, sets, chains } = revision;
  const changed = Object.entries(chains.changed);
  const fresh = changed.filter(([name]) => !(name in before.chains));
  // Where the kernel calls a chain is declared by `nft`.
  if (fresh.some(([, { hook }]) => hook !== undefined)) return undefined;
  const flushed = [...changed.map(([name]) => name).filter((name) => name in before.chains), ...chains.gone];
  const parts: (readonly Uint8Array[] | undefined)[] = [
    counters.added.map((name) => counterMessage(table, name)),
    ...Object.entries(sets.added).map(([name, set]) => setMessages(table, name, set, nextId())),
    fresh.map(([name]) => message(table, Abi.NFT_MSG_NEWCHAIN, Abi.NLM_F_CREATE, chainName(table, name))),
    elementMessages(revisedElements(before, revision)),
    flushed.map((name) => message(table, Abi.NFT_MSG_DELRULE, 0, ruleChain(table, name))),
    ...changed.map(([name, { rules }]) => rulesMessages(table, name, rules, nextId)),
    chains.gone.map((name) => message(table, Abi.NFT_MSG_DELCHAIN, 0, chainName(table, name))),
    sets.gone.map((name) => message(table, Abi.NFT_MSG_DELSET, 0, setName(table, name))),
    counters.gone.map((name) => message(table, Abi.NFT_MSG_DELOBJ, 0, counterName(table, name))),
  ];
  if (!parts.every((part) => part !== undefined)) return undefined;
  const messages = parts.flat();
  const length = messages.reduce((sum, bytes) => sum + bytes.length, 0);
  return messages.length > MAX_MESSAGES || length > MAX_TRANSACTION_BYTES ? undefined : transactionOf(messages);
}

function counterMessage(table: NftTable, name: string): Uint8Array {
  return message(table, Abi.NFT_MSG_NEWOBJ, Abi.NLM_F_CREATE, [
    ...counterName(table, name),
    [
      Abi.NFTA_OBJ_DATA,
      [
        [Abi.NFTA_COUNTER_BYTES, u64(0)],
        [Abi.NFTA_COUNTER_PACKETS, u64(0)],
      ],
    ],
  ]);
}

/** A set with its elements, or a map. */
function setMessages(table: NftTable, name: string, set: NftSetContent, id: number): readonly Uint8Array[] | undefined {
  const key = typeOf(set.type);
  const data = set.data === undefined ? [] : dataAttributes(set.data);
  const details = detailAttributes(set);
  if (key === undefined || data === undefined || details === undefined) return undefined;
  const elements = [...(set.elements ?? [])];
  const filled = hasRanges(set)
    ? rangeMessages(table, name, set.type, elements)
    : elementMessages([{ verb: 'add', table, set: name, type: set.type, data: set.data, hasRanges: false, elements }]);
  if (filled === undefined) return undefined;
  const declared = message(table, Abi.NFT_MSG_NEWSET, Abi.NLM_F_CREATE, [
    ...setName(table, name),
    [Abi.NFTA_SET_FLAGS, u32(details.flags | (set.data === undefined ? 0 : Abi.NFT_SET_MAP))],
    [Abi.NFTA_SET_KEY_TYPE, u32(key.number)],
    [Abi.NFTA_SET_KEY_LEN, u32(key.length)],
    [Abi.NFTA_SET_ID, u32(id)],
    ...data,
    ...details.attributes,
  ]);
  return [declared, ...filled];
}

/** Number and length of a type, in bytes; `undefined`: it is not known here. @param type of one part or more: `ipv4_addr . inet_service` */
function typeOf(type: string): { readonly number: number; readonly length: number } | undefined {
  const parts = type.split(' . ').map((part) => types[part]);
  if (!parts.every((part) => part !== undefined)) return undefined;
  return {
    number: parts.reduce((sum, part) => sum * 2 ** TYPE_BITS + part.number, 0),
    length: parts.reduce((sum, part) => sum + Math.ceil(part.length / PART_BYTES) * PART_BYTES, 0),
  };
}

/** What keys of a map stand for. */
function dataAttributes(data: string): readonly NetlinkAttribute[] | undefined {
  const type = data === 'verdict' ? verdictType : typeOf(data);
  if (type === undefined) return undefined;
  return [
    [Abi.NFTA_SET_DATA_TYPE, u32(type.number)],
    [Abi.NFTA_SET_DATA_LEN, u32(type.length)],
  ];
}

/** Verdicts have the length that the kernel gives them. */
const verdictType = { number: Abi.NFT_DATA_VERDICT, length: 0 };

interface SetDetails {
  readonly flags: number;
  readonly attributes: readonly NetlinkAttribute[];
}

/** The rest of a declaration, of the forms that weft writes. */
function detailAttributes({ type, data, details, elements }: NftSetContent): SetDetails | undefined {
  if (elements !== undefined) {
    if (details === undefined) return { flags: 0, attributes: [] };
    const isOfRanges = details === 'flags interval;' && data === undefined && !type.includes(' . ');
    return isOfRanges ? { flags: Abi.NFT_SET_INTERVAL, attributes: [] } : undefined;
  }
  const [, size, seconds] = /^size (\d+); flags dynamic,timeout; timeout (\d+)s;$/.exec(details ?? '') ?? [];
  if (size === undefined) return undefined;
  return {
    flags: Abi.NFT_SET_TIMEOUT | Abi.NFT_SET_EVAL,
    attributes: [
      [Abi.NFTA_SET_TIMEOUT, u64(Number(seconds) * 1_000)],
      [Abi.NFTA_SET_DESC, [[Abi.NFTA_SET_DESC_SIZE, u32(Number(size))]]],
    ],
  };
}

/** Elements of a new set of prefixes, none of which overlap: where each begins, and where what is beyond it does. */
function rangeMessages(
  table: NftTable,
  name: string,
  type: string,
  texts: readonly string[],
): readonly Uint8Array[] | undefined {
  const prefixes = texts.map(parsePrefix);
  if (!prefixes.every((prefix) => prefix !== undefined)) return undefined;
  const sorted = prefixes.toSorted((a, b) => Buffer.compare(a.address.bytes, b.address.bytes));
  const [first] = sorted;
  const nothing = new Uint8Array(types[type]!.length);
  const ends = [
    ...(first === undefined || first.address.bytes.every((byte) => byte === 0) ? [] : [rangeEnd(nothing)]),
    ...sorted.flatMap((prefix) => {
      const beyond = following(lastBytes(prefix));
      return [keyElement(prefix.address.bytes), ...(beyond === undefined ? [] : [rangeEnd(beyond)])];
    }),
  ];
  // The length of an attribute has 16 bits.
  const messages: Uint8Array[] = [];
  for (let at = 0; at < ends.length; at += MAX_RANGES) {
    messages.push(
      message(table, Abi.NFT_MSG_NEWSETELEM, Abi.NLM_F_CREATE, [
        [Abi.NFTA_SET_ELEM_LIST_TABLE, textValue(table.name)],
        [Abi.NFTA_SET_ELEM_LIST_SET, textValue(name)],
        [Abi.NFTA_SET_ELEM_LIST_ELEMENTS, ends.slice(at, at + MAX_RANGES)],
      ]),
    );
  }
  return messages;
}

/** Begins and ends in one message. */
const MAX_RANGES = 256;

function keyElement(bytes: Uint8Array, more: readonly NetlinkAttribute[] = []): NetlinkAttribute {
  return [Abi.NFTA_LIST_ELEM, [...more, [Abi.NFTA_SET_ELEM_KEY, [[Abi.NFTA_DATA_VALUE, bytes]]]]];
}

function rangeEnd(bytes: Uint8Array): NetlinkAttribute {
  return keyElement(bytes, [[Abi.NFTA_SET_ELEM_FLAGS, u32(Abi.NFT_SET_ELEM_INTERVAL_END)]]);
}

/** The address behind another; `undefined`: that was the last one. */
function following(bytes: Uint8Array): Uint8Array | undefined {
  const next = bytes.slice();
  for (let at = next.length - 1; at >= 0; at--) {
    next[at] = (next[at]! + 1) & 0xff;
    if (next[at] !== 0) return next;
  }
  return undefined;
}

function rulesMessages(
  table: NftTable,
  chain: string,
  rules: readonly string[],
  nextId: () => number,
): readonly Uint8Array[] | undefined {
  const messages: Uint8Array[] = [];
  for (const rule of rules) {
    const read = ruleExpressions(rule, nextId);
    if (read === undefined) return undefined;
    for (const list of read.lists) messages.push(...listMessages(table, list));
    messages.push(
      message(table, Abi.NFT_MSG_NEWRULE, Abi.NLM_F_CREATE | Abi.NLM_F_APPEND, [
        ...ruleChain(table, chain),
        [Abi.NFTA_RULE_EXPRESSIONS, read.expressions],
      ]),
    );
  }
  return messages;
}

function listMessages(table: NftTable, list: NftRuleList): Uint8Array[] {
  if ('choice' in list) return choiceMessages(table, list);
  const { number, length } = types['inet_service']!;
  return [
    message(table, Abi.NFT_MSG_NEWSET, Abi.NLM_F_CREATE, [
      ...setName(table, ANONYMOUS_SET),
      [Abi.NFTA_SET_FLAGS, u32(Abi.NFT_SET_ANONYMOUS | Abi.NFT_SET_CONSTANT)],
      [Abi.NFTA_SET_KEY_TYPE, u32(number)],
      [Abi.NFTA_SET_KEY_LEN, u32(length)],
      [Abi.NFTA_SET_ID, u32(list.id)],
      [Abi.NFTA_SET_DESC, [[Abi.NFTA_SET_DESC_SIZE, u32(list.ports.length)]]],
    ]),
    ...listElements(
      table,
      ANONYMOUS_SET,
      list.id,
      list.ports.map((port) => keyElement(u16(port))),
    ),
  ];
}

/** Numbers, in host order, and chains. */
function choiceMessages(
  table: NftTable,
  { id, choice }: { readonly id: number; readonly choice: readonly NftChoice[] },
): Uint8Array[] {
  return [
    message(table, Abi.NFT_MSG_NEWSET, Abi.NLM_F_CREATE, [
      ...setName(table, ANONYMOUS_MAP),
      [Abi.NFTA_SET_FLAGS, u32(Abi.NFT_SET_ANONYMOUS | Abi.NFT_SET_CONSTANT | Abi.NFT_SET_MAP)],
      [Abi.NFTA_SET_KEY_TYPE, u32(INTEGER_TYPE)],
      [Abi.NFTA_SET_KEY_LEN, u32(INTEGER_BYTES)],
      ...(dataAttributes('verdict') ?? []),
      [Abi.NFTA_SET_ID, u32(id)],
      [Abi.NFTA_SET_DESC, [[Abi.NFTA_SET_DESC_SIZE, u32(choice.length)]]],
      [Abi.NFTA_SET_USERDATA, HOST_ORDER],
    ]),
    ...listElements(
      table,
      ANONYMOUS_MAP,
      id,
      choice.map(({ number, chain }) => keyElement(u32Value(number), verdictData('goto', chain))),
    ),
  ];
}

/** Of a hash (`nft`, datatype.h). */
const INTEGER_TYPE = 4;
const INTEGER_BYTES = 4;

/** What `nft` notes for itself of a set whose keys are in host order (libnftnl, udata.h): NFTNL_UDATA_SET_KEYBYTEORDER, its length, 1. */
const HOST_ORDER = Uint8Array.of(0, 4, 1, 0, 0, 0);

function listElements(table: NftTable, set: string, id: number, elements: readonly NetlinkAttribute[]): Uint8Array[] {
  const messages: Uint8Array[] = [];
  for (let at = 0; at < elements.length; at += MAX_ELEMENTS) {
    messages.push(
      message(table, Abi.NFT_MSG_NEWSETELEM, Abi.NLM_F_CREATE, [
        [Abi.NFTA_SET_ELEM_LIST_TABLE, textValue(table.name)],
        [Abi.NFTA_SET_ELEM_LIST_SET, textValue(set)],
        [Abi.NFTA_SET_ELEM_LIST_SET_ID, u32(id)],
        [Abi.NFTA_SET_ELEM_LIST_ELEMENTS, elements.slice(at, at + MAX_ELEMENTS)],
      ]),
    );
  }
  return messages;
}

function chainName({ name }: NftTable, chain: string): readonly NetlinkAttribute[] {
  return [
    [Abi.NFTA_CHAIN_TABLE, textValue(name)],
    [Abi.NFTA_CHAIN_NAME, textValue(chain)],
  ];
}

/** Of a rule; without more, all rules of the chain. */
function ruleChain({ name }: NftTable, chain: string): readonly NetlinkAttribute[] {
  return [
    [Abi.NFTA_RULE_TABLE, textValue(name)],
    [Abi.NFTA_RULE_CHAIN, textValue(chain)],
  ];
}

function setName({ name }: NftTable, set: string): readonly NetlinkAttribute[] {
  return [
    [Abi.NFTA_SET_TABLE, textValue(name)],
    [Abi.NFTA_SET_NAME, textValue(set)],
  ];
}

function counterName({ name }: NftTable, counter: string): readonly NetlinkAttribute[] {
  return [
    [Abi.NFTA_OBJ_TABLE, textValue(name)],
    [Abi.NFTA_OBJ_NAME, textValue(counter)],
    [Abi.NFTA_OBJ_TYPE, u32(Abi.NFT_OBJECT_COUNTER)],
  ];
}

function message(table: NftTable, type: number, flags: number, attributes: readonly NetlinkAttribute[]): Uint8Array {
  const body = new Uint8Array(Struct.nfgenmsg.size);
  body[Struct.nfgenmsg.nfgen_family] = tableFamilies[table.family];
  const header = { type: (Abi.NFNL_SUBSYS_NFTABLES << 8) | type, flags: Abi.NLM_F_ACK | flags };
  return encodeMessage(header, body, attributes);
}
