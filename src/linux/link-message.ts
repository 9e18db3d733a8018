/** Messages that make, change and delete devices: rtnetlink(7), veth(4). Pure. */
import { parseMacAddress } from '../wire/address.ts';
import { Abi, Struct } from './kernel-abi.ts';
import {
  encodeAttributes,
  encodeMessage,
  joined,
  textValue,
  u32Value,
  type NetlinkAttribute,
} from './netlink-message.ts';

/** One end of a pair. */
export interface VethEnd {
  readonly name: string;
  readonly mac: string;
  readonly mtuBytes: number;
}

/** Makes a pair, whose other end is in the network namespace behind a descriptor. EEXIST: there is a device of one of the names. */
export function vethMessage(end: VethEnd, other: VethEnd, otherNetns: number): Uint8Array {
  const peer = [...endAttributes(other), [Abi.IFLA_NET_NS_FD, u32Value(otherNetns)] as const];
  const data: NetlinkAttribute = [Abi.VETH_INFO_PEER, joined([linkHeader(0), encodeAttributes(peer)])];
  const info: readonly NetlinkAttribute[] = [
    [Abi.IFLA_INFO_KIND, new TextEncoder().encode('veth')],
    [Abi.IFLA_INFO_DATA, [data]],
  ];
  const flags = Abi.NLM_F_ACK | Abi.NLM_F_CREATE | Abi.NLM_F_EXCL;
  return encodeMessage({ type: Abi.RTM_NEWLINK, flags }, linkHeader(0), [
    ...endAttributes(end),
    [Abi.IFLA_LINKINFO, info],
  ]);
}

/** Gives a device an alias. */
export function aliasMessage(index: number, alias: string): Uint8Array {
  return change(index, [[Abi.IFLA_IFALIAS, new TextEncoder().encode(alias)]]);
}

/** Has the kernel give a device no link-local address by itself, when it is set up after this. EAFNOSUPPORT: it has no IPv6. */
export function withoutLinkLocalMessage(index: number): Uint8Array {
  const mode = Uint8Array.of(Abi.IN6_ADDR_GEN_MODE_NONE);
  return change(index, [[Abi.IFLA_AF_SPEC, [[Abi.AF_INET6, [[Abi.IFLA_INET6_ADDR_GEN_MODE, mode]]]]]]);
}

/** Puts a device into a group. */
export function groupMessage(index: number, group: number): Uint8Array {
  return change(index, [[Abi.IFLA_GROUP, u32Value(group)]]);
}

/** Deletes a device. */
export function deleteLinkMessage(index: number): Uint8Array {
  return encodeMessage({ type: Abi.RTM_DELLINK, flags: Abi.NLM_F_ACK }, linkHeader(index), []);
}

/** Deletes all devices of a group. */
export function deleteGroupMessage(group: number): Uint8Array {
  const attributes: readonly NetlinkAttribute[] = [[Abi.IFLA_GROUP, u32Value(group)]];
  return encodeMessage({ type: Abi.RTM_DELLINK, flags: Abi.NLM_F_ACK }, linkHeader(0), attributes);
}

function change(index: number, attributes: readonly NetlinkAttribute[]): Uint8Array {
  return encodeMessage({ type: Abi.RTM_NEWLINK, flags: Abi.NLM_F_ACK }, linkHeader(index), attributes);
}

/** @throws RangeError if the MAC address is none. */
function endAttributes({ name, mac, mtuBytes }: VethEnd): NetlinkAttribute[] {
  const address = parseMacAddress(mac);
  if (address === undefined) throw new RangeError(`${mac} is not a MAC address`);
  return [
    [Abi.IFLA_IFNAME, textValue(name)],
    [Abi.IFLA_MTU, u32Value(mtuBytes)],
    [Abi.IFLA_ADDRESS, address],
  ];
}

function linkHeader(index: number): Uint8Array {
  const header = new Uint8Array(Struct.ifinfomsg.size);
  new DataView(header.buffer).setInt32(Struct.ifinfomsg.ifi_index, index, true);
  return header;
}
