/**
 * What the kernel says when links, addresses, routes and rules of nftables change: rtnetlink(7), and the notices of nftables.
 *
 *     nlmsghdr, then by kind of message ifinfomsg, ifaddrmsg, rtmsg or nfgenmsg, then attributes
 *
 * Only what tells whether something of weft's is concerned is read of a message.
 */
import type { IpAddress } from '../wire/address.ts';
import { readU32 } from '../wire/octets.ts';
import type { Prefix } from '../wire/prefix.ts';
import { Abi, Struct } from './kernel-abi.ts';
import { aligned, attributesOf, textOf } from './netlink-attributes.ts';

/** One change, and who asked for it. */
export type KernelChange = ChangedThing & {
  /** Of the netlink socket through which it was asked for, mostly its process's id; 0: the kernel did it, or does not say. */
  readonly port: number;
};

/** What was changed. `isGone`: it was deleted; otherwise it is there now, new or changed. */
export type ChangedThing =
  | {
      readonly kind: 'link';
      readonly isGone: boolean;
      readonly index: number;
      readonly name: string;
      /** Empty if it has none. */
      readonly alias: string;
      readonly mtuBytes: number;
      /** Administratively: whether there is a carrier is another matter. */
      readonly isUp: boolean;
    }
  | { readonly kind: 'address'; readonly isGone: boolean; readonly index: number; readonly address: IpAddress }
  | {
      readonly kind: 'route';
      readonly isGone: boolean;
      /** It took the place of another with the same destination and metric. */
      readonly isReplacement: boolean;
      readonly protocol: number;
      readonly table: number;
      readonly destination: Prefix;
    }
  | {
      readonly kind: 'table';
      /** `inet weft`: in which something changed. */
      readonly table: string;
      /** Whether elements were put into a set of it, and nothing else. */
      readonly isElementAdded: boolean;
      /** The set whose elements changed; absent: something else did. */
      readonly set?: string;
    }
  | {
      /** The end of a transaction of nftables: all changes through this port before it are of this process. */
      readonly kind: 'transaction';
      /** That began with it: one more than the one before. */
      readonly generation: number;
      readonly pid: number;
      /** As it calls itself: any bytes that it likes, 15 at most. */
      readonly name: string;
    };

const linkTypes: readonly number[] = [Abi.RTM_NEWLINK, Abi.RTM_DELLINK];
const addressTypes: readonly number[] = [Abi.RTM_NEWADDR, Abi.RTM_DELADDR];
const routeTypes: readonly number[] = [Abi.RTM_NEWROUTE, Abi.RTM_DELROUTE];
const elementMessages: readonly number[] = [Abi.NFT_MSG_NEWSETELEM, Abi.NFT_MSG_DELSETELEM];

/** Of which tables with our names are. */
const tableFamilies: Readonly<Record<number, string>> = { [Abi.NFPROTO_INET]: 'inet', [Abi.NFPROTO_ARP]: 'arp' };

/** Of every message of nftables that is about a table or something in it, the first attribute is the table's name. */
const NFTA_TABLE = Abi.NFTA_TABLE_NAME;

/**
 * Changes in the first `lengthBytes` of `bytes`, as a socket gave them; what is about something else is left out.
 *
 * @param isOwn whether nobody wants to know what is changed in tables through this port; that a transaction ended is told in any case.
 */
export function parseKernelChanges(
  bytes: Uint8Array,
  lengthBytes: number,
  isOwn: (port: number) => boolean = () => false,
): KernelChange[] {
  const changes: KernelChange[] = [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, lengthBytes);
  const { size, nlmsg_len: lengthAt, nlmsg_type: typeAt, nlmsg_flags: flagsAt, nlmsg_pid: portAt } = Struct.nlmsghdr;
  for (let at = 0; at + size <= lengthBytes;) {
    const length = view.getUint32(at + lengthAt, true);
    if (length < size || at + length > lengthBytes) break;
    const [type, port] = [view.getUint16(at + typeAt, true), view.getUint32(at + portAt, true)];
    if (!isInTable(type) || !isOwn(port)) {
      const change = parseChange(type, view.getUint16(at + flagsAt, true), bytes.subarray(at + size, at + length));
      if (change !== undefined) changes.push({ ...change, port });
    }
    at += aligned(length);
  }
  return changes;
}

/** Whether a message is about a table of nftables, or something in it. */
function isInTable(type: number): boolean {
  return type >> 8 === Abi.NFNL_SUBSYS_NFTABLES && (type & 0xff) !== Abi.NFT_MSG_NEWGEN;
}

function parseChange(type: number, flags: number, body: Uint8Array): ChangedThing | undefined {
  if (linkTypes.includes(type)) return parseLink(type === Abi.RTM_DELLINK, body);
  if (addressTypes.includes(type)) return parseAddress(type === Abi.RTM_DELADDR, body);
  if (routeTypes.includes(type)) return parseRoute(type === Abi.RTM_DELROUTE, (flags & Abi.NLM_F_REPLACE) !== 0, body);
  return type >> 8 === Abi.NFNL_SUBSYS_NFTABLES ? parseTable(type & 0xff, body) : undefined;
}

function parseLink(isGone: boolean, body: Uint8Array): ChangedThing | undefined {
  const { size, ifi_index: indexAt, ifi_flags: flagsAt } = Struct.ifinfomsg;
  if (body.length < size) return undefined;
  const attributes = attributesOf(body.subarray(size));
  return {
    kind: 'link',
    isGone,
    index: u32(body, indexAt),
    name: textOf(attributes.get(Abi.IFLA_IFNAME)),
    alias: textOf(attributes.get(Abi.IFLA_IFALIAS)),
    mtuBytes: numberOf(attributes.get(Abi.IFLA_MTU)),
    isUp: (u32(body, flagsAt) & Abi.IFF_UP) !== 0,
  };
}

function parseAddress(isGone: boolean, body: Uint8Array): ChangedThing | undefined {
  const { size, ifa_index: indexAt } = Struct.ifaddrmsg;
  if (body.length < size) return undefined;
  const attributes = attributesOf(body.subarray(size));
  // Of a device with a peer, IFA_ADDRESS is the peer's.
  const address = addressOf(attributes.get(Abi.IFA_LOCAL) ?? attributes.get(Abi.IFA_ADDRESS));
  return address === undefined ? undefined : { kind: 'address', isGone, index: u32(body, indexAt), address };
}

function parseRoute(isGone: boolean, isReplacement: boolean, body: Uint8Array): ChangedThing | undefined {
  const {
    size,
    rtm_family: familyAt,
    rtm_dst_len: lengthAt,
    rtm_table: tableAt,
    rtm_protocol: protocolAt,
  } = Struct.rtmsg;
  if (body.length < size) return undefined;
  const family = body[familyAt] === Abi.AF_INET6 ? 6 : body[familyAt] === Abi.AF_INET ? 4 : undefined;
  if (family === undefined) return undefined;
  const attributes = attributesOf(body.subarray(size));
  // The default route has no destination.
  const bytes = attributes.get(Abi.RTA_DST) ?? new Uint8Array(family === 4 ? 4 : 16);
  const address = addressOf(bytes);
  if (address?.family !== family) return undefined;
  const destination = { address, lengthBits: body[lengthAt]! };
  return { kind: 'route', isGone, isReplacement, protocol: body[protocolAt]!, table: body[tableAt]!, destination };
}

function parseTable(message: number, body: Uint8Array): ChangedThing | undefined {
  const { size, nfgen_family: familyAt } = Struct.nfgenmsg;
  if (body.length < size) return undefined;
  if (message === Abi.NFT_MSG_NEWGEN) return parseTransaction(attributesOf(body.subarray(size)));
  const family = tableFamilies[body[familyAt]!];
  if (family === undefined) return undefined;
  const attributes = attributesOf(body.subarray(size));
  const table = `${family} ${textOf(attributes.get(NFTA_TABLE))}`;
  if (!elementMessages.includes(message)) return { kind: 'table', table, isElementAdded: false };
  const set = textOf(attributes.get(Abi.NFTA_SET_ELEM_LIST_SET));
  return { kind: 'table', table, isElementAdded: message === Abi.NFT_MSG_NEWSETELEM, set };
}

/** Numbers of nftables are in network order. */
function parseTransaction(attributes: ReadonlyMap<number, Uint8Array>): ChangedThing | undefined {
  const [id, pid] = [attributes.get(Abi.NFTA_GEN_ID), attributes.get(Abi.NFTA_GEN_PROC_PID)];
  if (id?.length !== 4 || pid?.length !== 4) return undefined;
  const name = textOf(attributes.get(Abi.NFTA_GEN_PROC_NAME));
  return { kind: 'transaction', generation: readU32(id, 0), pid: readU32(pid, 0), name };
}

function addressOf(bytes: Uint8Array | undefined): IpAddress | undefined {
  if (bytes?.length === 4) return { family: 4, bytes: bytes.slice() };
  return bytes?.length === 16 ? { family: 6, bytes: bytes.slice() } : undefined;
}

/** Numbers of rtnetlink are in the machine's byte order. */
function numberOf(value: Uint8Array | undefined): number {
  return value?.length === 4 ? u32(value, 0) : 0;
}

function u32(bytes: Uint8Array, at: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(at, true);
}
