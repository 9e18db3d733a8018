/**
 * Questions to the kernel about nftables, by netlink(7): what is there but elements of sets, counters, and the generation; and changes of
 * elements.
 *
 *     nlmsghdr, nfgenmsg, attributes
 *
 * Chosen: messages of our own. Instead of: `nft`, as for all else that is changed. Because: whatever it is asked for, but for one set,
 * `nft` of today (1.0.6) first reads all elements of all sets, half a second for 50 000; and what is asked for here is asked for every
 * few seconds. The answers are compared with earlier ones, and hardly understood.
 */
import { libc } from './ffi.ts';
import { Abi, Struct } from './kernel-abi.ts';
import { aligned, attributesOf, textOf } from './netlink-attributes.ts';
import { acknowledgedError } from './netlink-message.ts';
import { NetfilterSocket } from './netfilter-socket.ts';
import type { NftTransactionMessages } from './nft-element-message.ts';
import type { NftTable } from './nftables.ts';
import { rememberOwnSocket } from './own-ports.ts';
import { readU32 } from '../wire/octets.ts';

/** For one read: the kernel fills no more than 32 KiB. */
const reply = new Uint8Array(65_536);

/** Reads of one answer at most: some ten thousand chains. */
const MAX_READS = 1_000;

/** How often a listing is begun again where others change something meanwhile. */
const MAX_ATTEMPTS = 5;

/** One thing of nftables: what is said of it, by type of attribute. */
export type NftAttributes = ReadonlyMap<number, Uint8Array>;

/** What one table has. */
export interface NftTableDump {
  /** The table itself. */
  readonly tables: readonly NftAttributes[];
  readonly chains: readonly NftAttributes[];
  readonly rules: readonly NftAttributes[];
  readonly sets: readonly NftAttributes[];
  /** Counters, quotas and the like. */
  readonly objects: readonly NftAttributes[];
  readonly flowtables: readonly NftAttributes[];
}

/** The kernel's families, by the words of `nft`. */
const families = {
  inet: Abi.NFPROTO_INET,
  ip: Abi.NFPROTO_IPV4,
  ip6: Abi.NFPROTO_IPV6,
  arp: Abi.NFPROTO_ARP,
  bridge: Abi.NFPROTO_BRIDGE,
  netdev: Abi.NFPROTO_NETDEV,
} as const;

/** Of whatever is in a table, this is the table's name. */
const TABLE = Abi.NFTA_TABLE_NAME;

/**
 * The generation of nftables in this process's network namespace: it rises by one with each transaction, of whatever program and table.
 * `undefined`: the kernel does not say; it has no nftables, or this process may not ask.
 */
export function readNftGeneration(): number | undefined {
  const [answer] = ask(Abi.NFT_MSG_GETGEN, 0, undefined, false)?.items ?? [];
  const id = answer?.get(Abi.NFTA_GEN_ID);
  return id?.length === 4 ? readU32(id, 0) : undefined;
}

/** All tables, of whomever, as `nft` calls them: `ip filter`; `undefined`: the kernel has no nftables, or this process may not ask. */
export function listTables(): readonly string[] | undefined {
  const titles: string[] = [];
  for (const [word, family] of Object.entries(families)) {
    const answer = ask(Abi.NFT_MSG_GETTABLE, family, undefined, true);
    if (answer === undefined) return undefined;
    titles.push(...answer.items.map((item) => `${word} ${textOf(item.get(TABLE))}`));
  }
  return titles;
}

/** All of a table but elements of its sets, in the kernel's order; `undefined` if there is none, or this process may not ask. */
export function dumpTable({ family, name }: NftTable): NftTableDump | undefined {
  for (let attempt = 0; ; attempt++) {
    const table = ask(Abi.NFT_MSG_GETTABLE, families[family], name, false);
    if (table === undefined) return undefined;
    let isConsistent = true;
    const list = (message: number): NftAttributes[] => {
      const answer = ask(message, families[family], name, true);
      if (answer?.isInterrupted === true) isConsistent = false;
      // Also of a kernel that takes no name to choose by.
      return (answer?.items ?? []).filter((item) => textOf(item.get(TABLE)) === name);
    };
    const dump = {
      tables: table.items,
      chains: list(Abi.NFT_MSG_GETCHAIN),
      rules: list(Abi.NFT_MSG_GETRULE),
      sets: list(Abi.NFT_MSG_GETSET),
      objects: list(Abi.NFT_MSG_GETOBJ),
      flowtables: list(Abi.NFT_MSG_GETFLOWTABLE),
    };
    if (isConsistent || attempt === MAX_ATTEMPTS) return dump;
  }
}

/** Packets of each counter of a table, by its name; `undefined` if there is no table, this process may not ask, or the list was never whole. */
export function readCounters({ family, name }: NftTable): ReadonlyMap<string, number> | undefined {
  if (ask(Abi.NFT_MSG_GETTABLE, families[family], name, false) === undefined) return undefined;
  for (let attempt = 0; attempt <= MAX_ATTEMPTS; attempt++) {
    const answer = ask(Abi.NFT_MSG_GETOBJ, families[family], name, true);
    if (answer !== undefined && !answer.isInterrupted) return countersIn(answer.items, name);
  }
  return undefined;
}

function countersIn(objects: readonly NftAttributes[], name: string): ReadonlyMap<string, number> {
  const counters = objects.filter(
    (object) =>
      textOf(object.get(TABLE)) === name && numberOf(object.get(Abi.NFTA_OBJ_TYPE)) === Abi.NFT_OBJECT_COUNTER,
  );
  return new Map(
    counters.map((counter) => {
      const data = attributesOf(counter.get(Abi.NFTA_OBJ_DATA) ?? new Uint8Array());
      return [textOf(counter.get(Abi.NFTA_OBJ_NAME)), packetsOf(data.get(Abi.NFTA_COUNTER_PACKETS))];
    }),
  );
}

/**
 * Has the kernel take a transaction of {@link elementTransaction}. @returns whether it did; if not, nothing of it was done, and `nft` may
 * say why.
 */
export function applyTransaction({ bytes, messages }: NftTransactionMessages): boolean {
  const socket = new NetfilterSocket();
  const { fd } = socket;
  const isSent = fd !== -1 && libc.writeBytes(fd, bytes, bytes.length) === bytes.length;
  if (isSent) rememberOwnSocket(fd);
  const isTaken = isSent && countAccepted(fd) === messages;
  socket.close(isTaken);
  return isTaken;
}

/** How many messages of a transaction are acknowledged: all are answered within the call that sent them, if any is. */
function countAccepted(fd: number): number {
  for (let accepted = 0; ; accepted++) {
    const length = libc.readBytes(fd, reply, reply.length);
    if (length <= 0 || acknowledgedError(reply.subarray(0, length)) !== 0) return accepted;
  }
}

interface Answer {
  readonly items: readonly NftAttributes[];
  /** Whether something was changed while it was listed. */
  readonly isInterrupted: boolean;
}

/** What the kernel answers; `undefined`: it refuses. @param table that is asked for; absent: nothing is chosen. */
function ask(message: number, family: number, table: string | undefined, isList: boolean): Answer | undefined {
  const socket = new NetfilterSocket();
  const { fd } = socket;
  const bytes = encodeQuestion(message, family, table, isList);
  const isSent = fd !== -1 && libc.writeBytes(fd, bytes, bytes.length) === bytes.length;
  const answer = isSent ? readAnswer(fd, isList) : undefined;
  socket.close(answer !== undefined);
  return answer;
}

/** The kernel answers within the call that asks, or that reads on: there is nothing to wait for. */
function readAnswer(fd: number, isList: boolean): Answer | undefined {
  const items: NftAttributes[] = [];
  let isInterrupted = false;
  for (let reads = 0; reads < MAX_READS; reads++) {
    const length = libc.readBytes(fd, reply, reply.length);
    if (length <= 0) return undefined;
    const part = parseAnswer(reply.slice(0, length));
    if (part === undefined) return undefined;
    items.push(...part.items);
    isInterrupted ||= part.isInterrupted;
    if (part.isEnd || !isList) return { items, isInterrupted };
  }
  return undefined;
}

/** One read of an answer; `undefined`: the kernel refuses. */
export function parseAnswer(bytes: Uint8Array): (Answer & { readonly isEnd: boolean }) | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const { size, nlmsg_len, nlmsg_type, nlmsg_flags } = Struct.nlmsghdr;
  const items: NftAttributes[] = [];
  let isInterrupted = false;
  for (let at = 0; at + size <= bytes.length;) {
    const length = view.getUint32(at + nlmsg_len, true);
    if (length < size || at + length > bytes.length) break;
    const type = view.getUint16(at + nlmsg_type, true);
    if (type === Abi.NLMSG_ERROR) return undefined;
    isInterrupted ||= (view.getUint16(at + nlmsg_flags, true) & Abi.NLM_F_DUMP_INTR) !== 0;
    if (type === Abi.NLMSG_DONE) return { items, isInterrupted, isEnd: true };
    items.push(attributesOf(bytes.subarray(at + size + Struct.nfgenmsg.size, at + length)));
    at += aligned(length);
  }
  return { items, isInterrupted, isEnd: false };
}

function encodeQuestion(message: number, family: number, table: string | undefined, isList: boolean): Uint8Array {
  const { size, nlmsg_len, nlmsg_type, nlmsg_flags } = Struct.nlmsghdr;
  const name = table === undefined ? undefined : new TextEncoder().encode(`${table}\0`);
  const attributeAt = size + Struct.nfgenmsg.size;
  const attributeBytes = name === undefined ? 0 : Struct.nlattr.size + name.length;
  const bytes = new Uint8Array(attributeAt + aligned(attributeBytes));
  const view = new DataView(bytes.buffer);
  view.setUint32(nlmsg_len, bytes.length, true);
  view.setUint16(nlmsg_type, (Abi.NFNL_SUBSYS_NFTABLES << 8) | message, true);
  view.setUint16(nlmsg_flags, Abi.NLM_F_REQUEST | (isList ? Abi.NLM_F_DUMP : 0), true);
  bytes[size + Struct.nfgenmsg.nfgen_family] = family;
  if (name !== undefined) {
    view.setUint16(attributeAt + Struct.nlattr.nla_len, attributeBytes, true);
    view.setUint16(attributeAt + Struct.nlattr.nla_type, TABLE, true);
    bytes.set(name, attributeAt + Struct.nlattr.size);
  }
  return bytes;
}

/** Numbers of nftables are in network order. */
function numberOf(value: Uint8Array | undefined): number {
  return value?.length === 4 ? readU32(value, 0) : -1;
}

/** Exact to 2^53. */
function packetsOf(value: Uint8Array | undefined): number {
  return value?.length === 8 ? readU32(value, 0) * 2 ** 32 + readU32(value, 4) : 0;
}
