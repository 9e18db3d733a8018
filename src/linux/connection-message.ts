/**
 * Messages about the connections that the kernel tracks (include/uapi/linux/netfilter/nfnetlink_conntrack.h). Pure.
 *
 *     nlmsghdr, nfgenmsg, CTA_TUPLE_ORIG {addresses, ports}, CTA_TUPLE_REPLY {the same of what answers}, CTA_ID, CTA_ZONE, CTA_MARK, ...
 */
import type { IpAddress } from '../wire/address.ts';
import { readU16, readU32, writeU32 } from '../wire/octets.ts';
import { Abi, Struct } from './kernel-abi.ts';
import { aligned, attributesOf } from './netlink-attributes.ts';
import { encodeMessage, type NetlinkAttribute } from './netlink-message.ts';

/** One read of a listing. */
export interface ConnectionPart {
  readonly connections: readonly ListedConnection[];
  readonly isEnd: boolean;
}

/** A connection as it is listed: address family of Linux, and attributes by their types. */
export interface ListedConnection {
  readonly family: number;
  readonly attributes: ReadonlyMap<number, Uint8Array>;
}

/** Who begins it, who answers, after translation, and what is noted of it. Ports are `undefined` where the protocol has none. */
export interface TrackedConnection {
  readonly source: IpAddress;
  /** Who answers: where the packet goes, whatever address it was sent to. */
  readonly destination: IpAddress;
  readonly protocol: number;
  readonly sourcePort: number | undefined;
  readonly destinationPort: number | undefined;
  /** Where its first packet was sent to: the same, unless somebody translated that. */
  readonly sentTo: IpAddress;
  readonly sentToPort: number | undefined;
  readonly mark: number;
  /** TCP of which the kernel did not see the beginning: it may as well be the other end that began it. */
  readonly isPickedUp: boolean;
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

/** Connections in one read of the listing; `undefined`: the kernel refuses. */
export function connectionsOf(bytes: Uint8Array): ConnectionPart | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const { size, nlmsg_len, nlmsg_type } = Struct.nlmsghdr;
  const connections: ListedConnection[] = [];
  for (let at = 0; at + size <= bytes.length;) {
    const length = view.getUint32(at + nlmsg_len, true);
    if (length < size || at + length > bytes.length) break;
    const type = view.getUint16(at + nlmsg_type, true);
    if (type === Abi.NLMSG_ERROR) return undefined;
    if (type === Abi.NLMSG_DONE) return { connections, isEnd: true };
    const family = bytes[at + size + Struct.nfgenmsg.nfgen_family]!;
    const attributes = attributesOf(bytes.subarray(at + size + Struct.nfgenmsg.size, at + length));
    connections.push({ family, attributes });
    at += aligned(length);
  }
  return { connections, isEnd: false };
}

/** What {@link deletionOf} looks for: what begins at one of these addresses, or answers from there. */
export function soughtAddresses(addresses: readonly IpAddress[]): ReadonlySet<string> {
  return new Set(addresses.map(({ bytes }) => keyOf(bytes)));
}

/** Deletes one connection and no other, if it is sought: without its tuple, it would be all of them. */
export function deletionOf(connection: ListedConnection, sought: ReadonlySet<string>): Uint8Array | undefined {
  const { attributes } = connection;
  const ends = [Abi.CTA_TUPLE_ORIG, Abi.CTA_TUPLE_REPLY].map((tuple) => sourceOf(attributes.get(tuple)));
  if (!ends.some((source) => source !== undefined && sought.has(keyOf(source)))) return undefined;
  return deletionMessage(connection);
}

/** Deletes one connection and no other; `undefined` of one that has no tuple. */
export function deletionMessage(connection: ListedConnection): Uint8Array | undefined {
  return changeOf(connection, { message: Abi.IPCTNL_MSG_CT_DELETE, named: [Abi.CTA_ID, Abi.CTA_ZONE], more: [] });
}

/** Sets bits of a connection's mark, or clears them, and leaves the others; `undefined` of one that has no tuple. */
export function markMessage(connection: ListedConnection, bits: number, isSet: boolean): Uint8Array | undefined {
  const more: readonly NetlinkAttribute[] = [
    [Abi.CTA_MARK, markValue(isSet ? bits : 0)],
    [Abi.CTA_MARK_MASK, markValue(bits)],
  ];
  // Without NLM_F_CREATE: one that ended meanwhile is not made again.
  return changeOf(connection, { message: Abi.IPCTNL_MSG_CT_NEW, named: [Abi.CTA_ZONE], more });
}

/** In network order. */
function markValue(mark: number): Uint8Array {
  const bytes = new Uint8Array(4);
  writeU32(bytes, 0, mark);
  return bytes;
}

/** What a connection is, in the node's own words; `undefined`: it does not say. */
export function trackedConnection({ family, attributes }: ListedConnection): TrackedConnection | undefined {
  const [original, reply] = [attributes.get(Abi.CTA_TUPLE_ORIG), attributes.get(Abi.CTA_TUPLE_REPLY)];
  const [source, destination] = [sourceOf(original), sourceOf(reply)];
  const [asking, answering] = [original, reply].map((tuple) => partOf(tuple, Abi.CTA_TUPLE_PROTO));
  const number = answering!.get(Abi.CTA_PROTO_NUM)?.[0];
  const sentTo = addressOf(original, Abi.CTA_IP_V4_DST, Abi.CTA_IP_V6_DST);
  if (source === undefined || destination === undefined || sentTo === undefined || number === undefined)
    return undefined;
  const mark = attributes.get(Abi.CTA_MARK);
  const addressFamily = family === Abi.AF_INET ? 4 : 6;
  return {
    source: { family: addressFamily, bytes: source },
    destination: { family: addressFamily, bytes: destination },
    protocol: number,
    sourcePort: portOf(asking!, Abi.CTA_PROTO_SRC_PORT),
    destinationPort: portOf(answering!, Abi.CTA_PROTO_SRC_PORT),
    sentTo: { family: addressFamily, bytes: sentTo },
    sentToPort: portOf(asking!, Abi.CTA_PROTO_DST_PORT),
    mark: mark?.length === 4 ? readU32(mark, 0) : 0,
    isPickedUp: isPickedUp(attributes.get(Abi.CTA_PROTOINFO)),
  };
}

/** Where its windows are not known, the kernel lets TCP have any: that is how it says that it came too late. */
function isPickedUp(info: Uint8Array | undefined): boolean {
  const flags = partOf(info, Abi.CTA_PROTOINFO_TCP).get(Abi.CTA_PROTOINFO_TCP_FLAGS_ORIGINAL)?.[0] ?? 0;
  return (flags & Abi.IP_CT_TCP_FLAG_BE_LIBERAL) !== 0;
}

/** A port of a tuple: where its packets come from, or go to. */
function portOf(protocol: ReadonlyMap<number, Uint8Array>, which: number): number | undefined {
  const port = protocol.get(which);
  return port?.length === 2 ? readU16(port, 0) : undefined;
}

interface ConnectionChange {
  readonly message: number;
  /** Attributes that say which connection, beside its tuple. */
  readonly named: readonly number[];
  readonly more: readonly NetlinkAttribute[];
}

function changeOf(
  { family, attributes }: ListedConnection,
  { message, named, more }: ConnectionChange,
): Uint8Array | undefined {
  const tuple = attributes.get(Abi.CTA_TUPLE_ORIG);
  if (tuple === undefined || tuple.length === 0) return undefined;
  const body = new Uint8Array(Struct.nfgenmsg.size);
  body[Struct.nfgenmsg.nfgen_family] = family;
  const which = named.flatMap((name): NetlinkAttribute[] => {
    const value = attributes.get(name);
    return value === undefined ? [] : [[name, value]];
  });
  const parts = [...attributesOf(tuple)].map(([name, value]): NetlinkAttribute => [
    name,
    name === Abi.CTA_TUPLE_ZONE ? value : [...attributesOf(value)],
  ]);
  return encodeMessage({ type: SUBSYSTEM | message, flags: Abi.NLM_F_ACK }, body, [
    [Abi.CTA_TUPLE_ORIG, parts],
    ...which,
    ...more,
  ]);
}

/** Address that packets of a tuple come from. */
function sourceOf(tuple: Uint8Array | undefined): Uint8Array | undefined {
  return addressOf(tuple, Abi.CTA_IP_V4_SRC, Abi.CTA_IP_V6_SRC);
}

/** An address of a tuple, whichever family it has. */
function addressOf(tuple: Uint8Array | undefined, of4: number, of6: number): Uint8Array | undefined {
  const addresses = partOf(tuple, Abi.CTA_TUPLE_IP);
  return addresses.get(of4) ?? addresses.get(of6);
}

/** Attributes of one part of a tuple, or of something else that has parts. */
function partOf(whole: Uint8Array | undefined, part: number): ReadonlyMap<number, Uint8Array> {
  const bytes = whole === undefined ? undefined : attributesOf(whole).get(part);
  return bytes === undefined ? new Map() : attributesOf(bytes);
}

function keyOf(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}
