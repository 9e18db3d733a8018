/**
 * Messages that change devices, addresses and routes: rtnetlink(7). Pure. All fields are in host order, which is little-endian wherever
 * weft runs, but for addresses.
 *
 *     nlmsghdr, then ifinfomsg, ifaddrmsg or rtmsg, then attributes
 */
import type { IpAddress } from '../wire/address.ts';
import { Abi, Struct } from './kernel-abi.ts';
import { encodeMessage, type NetlinkAttribute, u32Value } from './netlink-message.ts';

/** A route out of a device. */
export interface DeviceRoute {
  /** `undefined`: the default route. */
  readonly destination: IpAddress | undefined;
  /** `undefined`: the destination is on the link. */
  readonly gateway: IpAddress | undefined;
  /** What is sent from, if nothing else is said; also tells the family. */
  readonly source: IpAddress;
  readonly protocol: number;
}

/** Sets a device up, by its index. */
export function linkUpMessage(index: number): Uint8Array {
  const link = Struct.ifinfomsg;
  const body = new Uint8Array(link.size);
  const view = viewOf(body);
  view.setInt32(link.ifi_index, index, true);
  view.setUint32(link.ifi_flags, Abi.IFF_UP, true);
  view.setUint32(link.ifi_change, Abi.IFF_UP, true);
  return message(Abi.RTM_NEWLINK, 0, body, []);
}

/**
 * Gives a device an address of its own; nobody asks whether somebody else has it.
 *
 * @param lengthBits of the network that it is in; absent: none.
 * @param isOfLink whether it is good on the link alone. Of IPv6 the kernel knows.
 */
export function addressMessage(
  index: number,
  { family, bytes }: IpAddress,
  lengthBits = bytes.length * 8,
  isOfLink = false,
): Uint8Array {
  const { size, ifa_family, ifa_prefixlen, ifa_flags, ifa_scope, ifa_index } = Struct.ifaddrmsg;
  const body = new Uint8Array(size);
  body[ifa_family] = familyNumber(family);
  body[ifa_prefixlen] = lengthBits;
  if (isOfLink) body[ifa_scope] = Abi.RT_SCOPE_LINK;
  body[ifa_flags] = family === 6 ? Abi.IFA_F_NODAD : 0;
  viewOf(body).setUint32(ifa_index, index, true);
  const flags = Abi.NLM_F_CREATE | Abi.NLM_F_REPLACE;
  return message(Abi.RTM_NEWADDR, flags, body, [
    [Abi.IFA_LOCAL, bytes],
    [Abi.IFA_ADDRESS, bytes],
  ]);
}

/** Adds a route to the main table; the kernel refuses it with EEXIST where there is one already. */
export function routeMessage(index: number, { destination, gateway, source, protocol }: DeviceRoute): Uint8Array {
  const { size, rtm_family, rtm_dst_len, rtm_table, rtm_protocol, rtm_scope, rtm_type } = Struct.rtmsg;
  const body = new Uint8Array(size);
  body[rtm_family] = familyNumber(source.family);
  body[rtm_dst_len] = (destination?.bytes.length ?? 0) * 8;
  body[rtm_table] = Abi.RT_TABLE_MAIN;
  body[rtm_protocol] = protocol;
  body[rtm_scope] = gateway === undefined ? Abi.RT_SCOPE_LINK : Abi.RT_SCOPE_UNIVERSE;
  body[rtm_type] = Abi.RTN_UNICAST;
  return message(Abi.RTM_NEWROUTE, Abi.NLM_F_CREATE | Abi.NLM_F_EXCL, body, [
    ...(destination === undefined ? [] : [[Abi.RTA_DST, destination.bytes] as const]),
    ...(gateway === undefined
      ? []
      : [[Abi.RTA_GATEWAY, gateway.bytes] as const, [Abi.RTA_PREFSRC, source.bytes] as const]),
    [Abi.RTA_OIF, u32Value(index)],
  ]);
}

/** A route to an address by a device, and what the node itself sends from towards it; `undefined`: any. */
export interface HostRouteWish {
  readonly destination: IpAddress;
  readonly source: IpAddress | undefined;
  readonly protocol: number;
}

/** Has the main table lead to an address by a device, whatever it said before. */
export function hostRouteMessage(index: number, { destination, source, protocol }: HostRouteWish): Uint8Array {
  const { size, rtm_family, rtm_dst_len, rtm_table, rtm_protocol, rtm_scope, rtm_type } = Struct.rtmsg;
  const { family, bytes } = destination;
  const body = new Uint8Array(size);
  body[rtm_family] = familyNumber(family);
  body[rtm_dst_len] = bytes.length * 8;
  body[rtm_table] = Abi.RT_TABLE_MAIN;
  body[rtm_protocol] = protocol;
  body[rtm_scope] = family === 4 ? Abi.RT_SCOPE_LINK : Abi.RT_SCOPE_UNIVERSE;
  body[rtm_type] = Abi.RTN_UNICAST;
  return message(Abi.RTM_NEWROUTE, Abi.NLM_F_CREATE | Abi.NLM_F_REPLACE, body, [
    [Abi.RTA_DST, bytes],
    ...(source === undefined ? [] : [[Abi.RTA_PREFSRC, source.bytes] as const]),
    [Abi.RTA_OIF, u32Value(index)],
  ]);
}

function message(type: number, flags: number, body: Uint8Array, attributes: readonly NetlinkAttribute[]): Uint8Array {
  return encodeMessage({ type, flags: Abi.NLM_F_ACK | flags }, body, attributes);
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

function familyNumber(family: 4 | 6): number {
  return family === 4 ? Abi.AF_INET : Abi.AF_INET6;
}
