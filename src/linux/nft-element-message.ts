/**
 * A transaction that changes elements of sets of nftables, as messages (include/uapi/linux/netfilter/nf_tables.h). Pure.
 *
 *     NFNL_MSG_BATCH_BEGIN, for each set NFT_MSG_DELSETELEM and NFT_MSG_NEWSETELEM, NFNL_MSG_BATCH_END
 *
 * Each part of an element is padded with zeroes to a multiple of four bytes.
 */
import { parseIpAddress, parseMacAddress } from '../wire/address.ts';
import { parsePrefix, type Prefix } from '../wire/prefix.ts';
import { Abi, Struct } from './kernel-abi.ts';
import { encodeMessage, joined, textValue, type NetlinkAttribute } from './netlink-message.ts';
import type { NftTable } from './nftables.ts';

/** Elements that are added to a set or a map, or deleted from it. */
export interface NftElementChange {
  readonly verb: 'add' | 'delete';
  readonly table: NftTable;
  readonly set: string;
  /** Of the set, in the words of `nft`: `ifname . ipv4_addr`. */
  readonly type: string;
  /** Of a map, what its keys stand for: `verdict`, `ipv4_addr . inet_service`. */
  readonly data?: string | undefined;
  /** Whether elements may be ranges: `flags interval`. */
  readonly hasRanges: boolean;
  /** As `nft -j` lists them, their parts joined by ` . `; in a map, with what they stand for: `wf0 : jump chain`, `10.0.0.1 : 10.0.0.2 . 80`. */
  readonly elements: readonly string[];
}

/** Longest transaction, in bytes: some 30 000 addresses. Whoever sends it makes room for it. */
export const MAX_TRANSACTION_BYTES = 1_048_576;

/** Elements in one message: the length of an attribute has 16 bits. */
export const MAX_ELEMENTS = 256;

/** The kernel's families, by the words of `nft`. */
export const tableFamilies = { inet: Abi.NFPROTO_INET, arp: Abi.NFPROTO_ARP } as const;

/** All of it is done, or nothing. */
export interface NftTransactionMessages {
  readonly bytes: Uint8Array;
  /** So many are answered if it is done. */
  readonly messages: number;
}

/** `undefined`: that is left to `nft`, since there is too much of it, or it is of a kind that is not known here. */
export function elementTransaction(changes: readonly NftElementChange[]): NftTransactionMessages | undefined {
  const messages = elementMessages(changes);
  const transaction = messages && transactionOf(messages);
  return transaction === undefined || transaction.bytes.length > MAX_TRANSACTION_BYTES ? undefined : transaction;
}

/** What changes elements, within a transaction; `undefined`: some of it is of a kind that is not known here. */
export function elementMessages(changes: readonly NftElementChange[]): readonly Uint8Array[] | undefined {
  const messages: Uint8Array[] = [];
  for (const change of changes) {
    const elements = change.elements.map((element) => elementAttribute(change, element));
    if (!elements.every((element) => element !== undefined)) return undefined;
    for (let at = 0; at < elements.length; at += MAX_ELEMENTS)
      messages.push(elementMessage(change, elements.slice(at, at + MAX_ELEMENTS)));
  }
  return messages;
}

export function transactionOf(messages: readonly Uint8Array[]): NftTransactionMessages {
  const bytes = joined([boundary(Abi.NFNL_MSG_BATCH_BEGIN), ...messages, boundary(Abi.NFNL_MSG_BATCH_END)]);
  return { bytes, messages: messages.length };
}

function boundary(type: number): Uint8Array {
  const body = new Uint8Array(Struct.nfgenmsg.size);
  new DataView(body.buffer).setUint16(Struct.nfgenmsg.res_id, Abi.NFNL_SUBSYS_NFTABLES);
  return encodeMessage({ type, flags: 0 }, body, []);
}

function elementMessage({ verb, table, set }: NftElementChange, elements: readonly NetlinkAttribute[]): Uint8Array {
  const body = new Uint8Array(Struct.nfgenmsg.size);
  body[Struct.nfgenmsg.nfgen_family] = tableFamilies[table.family];
  const message = verb === 'add' ? Abi.NFT_MSG_NEWSETELEM : Abi.NFT_MSG_DELSETELEM;
  const type = (Abi.NFNL_SUBSYS_NFTABLES << 8) | message;
  const flags = Abi.NLM_F_ACK | (verb === 'add' ? Abi.NLM_F_CREATE : 0);
  return encodeMessage({ type, flags }, body, [
    [Abi.NFTA_SET_ELEM_LIST_TABLE, textValue(table.name)],
    [Abi.NFTA_SET_ELEM_LIST_SET, textValue(set)],
    [Abi.NFTA_SET_ELEM_LIST_ELEMENTS, elements],
  ]);
}

function elementAttribute({ type, data, hasRanges }: NftElementChange, element: string): NetlinkAttribute | undefined {
  const [key = '', mapped] = element.split(' : ');
  // A set of ranges of one part has another kind of elements.
  if (hasRanges && !type.includes(' . ')) return undefined;
  const parts = partsOf(type, key, hasRanges);
  if (parts === undefined) return undefined;
  const from = dataOf(parts.map(([first]) => first!));
  const to = dataOf(parts.map(([first, last = first]) => last!));
  const meant = mapped === undefined ? [] : mappedTo(data, mapped);
  if (meant === undefined) return undefined;
  return [
    Abi.NFTA_LIST_ELEM,
    [[Abi.NFTA_SET_ELEM_KEY, from], ...(hasRanges ? [[Abi.NFTA_SET_ELEM_KEY_END, to] as const] : []), ...meant],
  ];
}

/** What a key of a map stands for: a verdict, or values of these types. */
function mappedTo(data: string | undefined, text: string): readonly NetlinkAttribute[] | undefined {
  if (data === 'verdict') return verdictOf(text);
  const parts = data === undefined ? undefined : partsOf(data, text, false);
  return parts && [[Abi.NFTA_SET_ELEM_DATA, dataOf(parts.map(([value]) => value!))]];
}

/** `jump chain` or `goto chain`. */
function verdictOf(text: string): readonly NetlinkAttribute[] | undefined {
  const [, word, chain = ''] = /^(jump|goto) (\S+)$/.exec(text) ?? [];
  return word === undefined ? undefined : verdictData(word as 'jump' | 'goto', chain);
}

/** What a key of a map of verdicts stands for. */
export function verdictData(word: 'jump' | 'goto', chain: string): readonly NetlinkAttribute[] {
  const code = new Uint8Array(4);
  new DataView(code.buffer).setInt32(0, word === 'jump' ? Abi.NFT_JUMP : Abi.NFT_GOTO);
  const verdict: readonly NetlinkAttribute[] = [
    [Abi.NFTA_VERDICT_CODE, code],
    [Abi.NFTA_VERDICT_CHAIN, textValue(chain)],
  ];
  return [[Abi.NFTA_SET_ELEM_DATA, [[Abi.NFTA_DATA_VERDICT, verdict]]]];
}

function dataOf(parts: readonly Uint8Array[]): NetlinkAttribute[1] {
  return [[Abi.NFTA_DATA_VALUE, joined(parts)]];
}

/** Of each part, its value, or the first and the last one. @param type types of the parts, joined as these are */
function partsOf(type: string, text: string, hasRanges: boolean): readonly (readonly Uint8Array[])[] | undefined {
  const types = type.split(' . ');
  const texts = text.split(' . ');
  if (texts.length !== types.length) return undefined;
  const parts = texts.map((one, index) => partOf(types[index]!, one, hasRanges));
  return parts.every((part) => part !== undefined) ? parts : undefined;
}

/** Value of one part, or the first and the last one. */
function partOf(type: string, text: string, hasRanges: boolean): readonly Uint8Array[] | undefined {
  switch (type) {
    case 'ifname': {
      const name = new TextEncoder().encode(text);
      if (name.length >= Abi.IFNAMSIZ) return undefined;
      const padded = new Uint8Array(Abi.IFNAMSIZ);
      padded.set(name);
      return [padded];
    }
    case 'ether_addr': {
      const mac = parseMacAddress(text);
      return mac === undefined ? undefined : [mac];
    }
    case 'ipv4_addr':
    case 'ipv6_addr': {
      const family = type === 'ipv4_addr' ? 4 : 6;
      if (!text.includes('/')) {
        const address = parseIpAddress(text);
        return address?.family === family ? [address.bytes] : undefined;
      }
      const prefix = hasRanges ? parsePrefix(text) : undefined;
      return prefix?.address.family === family ? [prefix.address.bytes, lastBytes(prefix)] : undefined;
    }
    case 'inet_proto': {
      const protocol = numberOf(text, 0xff);
      return protocol === undefined ? undefined : [Uint8Array.of(protocol)];
    }
    case 'inet_service': {
      const port = numberOf(text, 0xff_ff);
      return port === undefined ? undefined : [Uint8Array.of(port >> 8, port & 0xff)];
    }
    default:
      return undefined;
  }
}

function numberOf(text: string, most: number): number | undefined {
  return /^\d{1,5}$/.test(text) && Number(text) <= most ? Number(text) : undefined;
}

/** The last address of a prefix. */
export function lastBytes({ address, lengthBits }: Prefix): Uint8Array {
  return address.bytes.map((byte, index) => byte | (0xff >> Math.min(8, Math.max(0, lengthBits - index * 8))));
}
