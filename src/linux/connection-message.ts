/**
 * Messages about the connections that the kernel tracks (include/uapi/linux/netfilter/nfnetlink_conntrack.h). Pure.
 *
 *     nlmsghdr, nfgenmsg, CTA_TUPLE_ORIG {addresses, ports}, CTA_TUPLE_REPLY {the same of what answers}, CTA_ID, CTA_ZONE, ...
 */
import type { IpAddress } from '../wire/address.ts';
import { Abi, Struct } from './kernel-abi.ts';
import { aligned, attributesOf } from './netlink-attributes.ts';
import { encodeMessage, type NetlinkAttribute } from './netlink-message.ts';

/** One read of a listing. */
export interface ConnectionPart {
  /** Messages that delete what was sought, ready to be sent. */
  readonly deletions: readonly Uint8Array[];
  readonly isEnd: boolean;
}

const SUBSYSTEM = Abi.NFNL_SUBSYS_CTNETLINK << 8;

/** Asks for all connections, of both families. */
export function listConnectionsMessage(): Uint8Array {
  const type = SUBSYSTEM | Abi.IPCTNL_MSG_CT_GET;
  return encodeMessage({ type, flags: Abi.NLM_F_DUMP }, new Uint8Array(Struct.nfgenmsg.size), []);
}

/** Asks how many there are: whoever is answered may ask for the rest. */
export function countConnectionsMessage(): Uint8Array {
  const type = SUBSYSTEM | Abi.IPCTNL_MSG_CT_GET_STATS;
  return encodeMessage({ type, flags: 0 }, new Uint8Array(Struct.nfgenmsg.size), []);
}

/** What {@link connectionsOf} looks for: what begins at one of these addresses, or answers from there. */
export function soughtAddresses(addresses: readonly IpAddress[]): ReadonlySet<string> {
  return new Set(addresses.map(({ bytes }) => keyOf(bytes)));
}

/** Of a read of the listing, what is sought; `undefined`: the kernel refuses. */
export function connectionsOf(bytes: Uint8Array, sought: ReadonlySet<string>): ConnectionPart | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const { size, nlmsg_len, nlmsg_type } = Struct.nlmsghdr;
  const deletions: Uint8Array[] = [];
  for (let at = 0; at + size <= bytes.length;) {
    const length = view.getUint32(at + nlmsg_len, true);
    if (length < size || at + length > bytes.length) break;
    const type = view.getUint16(at + nlmsg_type, true);
    if (type === Abi.NLMSG_ERROR) return undefined;
    if (type === Abi.NLMSG_DONE) return { deletions, isEnd: true };
    const family = bytes[at + size + Struct.nfgenmsg.nfgen_family]!;
    const deletion = deletionOf(family, bytes.subarray(at + size + Struct.nfgenmsg.size, at + length), sought);
    if (deletion !== undefined) deletions.push(deletion);
    at += aligned(length);
  }
  return { deletions, isEnd: false };
}

/** Deletes one connection and no other: without its tuple, it would be all of them. */
function deletionOf(family: number, attributes: Uint8Array, sought: ReadonlySet<string>): Uint8Array | undefined {
  const all = attributesOf(attributes);
  const tuple = all.get(Abi.CTA_TUPLE_ORIG);
  if (tuple === undefined || tuple.length === 0) return undefined;
  if (!isFromSought(tuple, sought) && !isFromSought(all.get(Abi.CTA_TUPLE_REPLY), sought)) return undefined;
  const body = new Uint8Array(Struct.nfgenmsg.size);
  body[Struct.nfgenmsg.nfgen_family] = family;
  const type = SUBSYSTEM | Abi.IPCTNL_MSG_CT_DELETE;
  const named = [Abi.CTA_ID, Abi.CTA_ZONE].flatMap((name): NetlinkAttribute[] => {
    const value = all.get(name);
    return value === undefined ? [] : [[name, value]];
  });
  const parts = [...attributesOf(tuple)].map(([name, value]): NetlinkAttribute => [
    name,
    name === Abi.CTA_TUPLE_ZONE ? value : [...attributesOf(value)],
  ]);
  return encodeMessage({ type, flags: Abi.NLM_F_ACK }, body, [[Abi.CTA_TUPLE_ORIG, parts], ...named]);
}

function isFromSought(tuple: Uint8Array | undefined, sought: ReadonlySet<string>): boolean {
  const addresses = attributesOf(attributesOf(tuple ?? new Uint8Array()).get(Abi.CTA_TUPLE_IP) ?? new Uint8Array());
  const source = addresses.get(Abi.CTA_IP_V4_SRC) ?? addresses.get(Abi.CTA_IP_V6_SRC);
  return source !== undefined && sought.has(keyOf(source));
}

function keyOf(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}
