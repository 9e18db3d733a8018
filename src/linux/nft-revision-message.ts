/**
 * A revision of a table of nftables as messages, in the order of `revisionLines`. Pure.
 *
 * Chosen: messages of our own, for the forms of rules that policies have. Instead of: `nft`, as where a table is made. Because: before it changes
 * one rule, `nft` (1.0.6) reads all chains, sets and counters of all tables, which takes 50 ms where there are a thousand policies, for each pod
 * that is made.
 */
import { parsePrefix } from '../wire/prefix.ts';
import { Abi, Struct } from './kernel-abi.ts';
import { encodeMessage, type NetlinkAttribute, textValue } from './netlink-message.ts';
import {
  elementMessages,
  lastBytes,
  MAX_TRANSACTION_BYTES,
  type NftTransactionMessages,
  tableFamilies,
  transactionOf,
} from './nft-element-message.ts';
import { hasRanges, revisedElements } from './nft-made-tables.ts';
import { ANONYMOUS_SET, type NftPortList, ruleExpressions, u16, u32, u64 } from './nft-rule-expressions.ts';
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

/** A set with its elements. */
function setMessages(table: NftTable, name: string, set: NftSetContent, id: number): readonly Uint8Array[] | undefined {
  const parts = set.type.split(' . ').map((type) => types[type]);
  const { data, details, elements } = set;
  const isRanges = hasRanges(set);
  if (data !== undefined || elements === undefined || !parts.every((part) => part !== undefined)) return undefined;
  if (isRanges ? parts.length > 1 || details !== 'flags interval;' : details !== undefined) return undefined;
  const number = parts.reduce((sum, part) => sum * 2 ** TYPE_BITS + part.number, 0);
  const length = parts.reduce((sum, part) => sum + Math.ceil(part.length / PART_BYTES) * PART_BYTES, 0);
  const filled = isRanges
    ? rangeMessages(table, name, set.type, [...elements])
    : elementMessages([{ verb: 'add', table, set: name, type: set.type, hasRanges: false, elements: [...elements] }]);
  if (filled === undefined) return undefined;
  const declared = message(table, Abi.NFT_MSG_NEWSET, Abi.NLM_F_CREATE, [
    ...setName(table, name),
    [Abi.NFTA_SET_FLAGS, u32(isRanges ? Abi.NFT_SET_INTERVAL : 0)],
    [Abi.NFTA_SET_KEY_TYPE, u32(number)],
    [Abi.NFTA_SET_KEY_LEN, u32(length)],
    [Abi.NFTA_SET_ID, u32(id)],
  ]);
  return [declared, ...filled];
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

function listMessages(table: NftTable, { id, ports }: NftPortList): Uint8Array[] {
  const { number, length } = types['inet_service']!;
  return [
    message(table, Abi.NFT_MSG_NEWSET, Abi.NLM_F_CREATE, [
      ...setName(table, ANONYMOUS_SET),
      [Abi.NFTA_SET_FLAGS, u32(Abi.NFT_SET_ANONYMOUS | Abi.NFT_SET_CONSTANT)],
      [Abi.NFTA_SET_KEY_TYPE, u32(number)],
      [Abi.NFTA_SET_KEY_LEN, u32(length)],
      [Abi.NFTA_SET_ID, u32(id)],
      [Abi.NFTA_SET_DESC, [[Abi.NFTA_SET_DESC_SIZE, u32(ports.length)]]],
    ]),
    message(table, Abi.NFT_MSG_NEWSETELEM, Abi.NLM_F_CREATE, [
      [Abi.NFTA_SET_ELEM_LIST_TABLE, textValue(table.name)],
      [Abi.NFTA_SET_ELEM_LIST_SET, textValue(ANONYMOUS_SET)],
      [Abi.NFTA_SET_ELEM_LIST_SET_ID, u32(id)],
      [Abi.NFTA_SET_ELEM_LIST_ELEMENTS, ports.map((port) => keyElement(u16(port)))],
    ]),
  ];
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
