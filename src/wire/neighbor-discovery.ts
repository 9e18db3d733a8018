/**
 * Neighbor Solicitation and Neighbor Advertisement (RFC 4861, sections 4.3 and 4.4), with the option for a link-layer address (4.6.1).
 *
 *      0                   1                   2                   3
 *      0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *   0 |   135 or 136  |       0       |           Checksum            |
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *   4 |R|S|O| in advertisements                                       |
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *   8 |                     Target Address, 16 bytes                  |
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *  24 |  Type 1 or 2  |   Length: 1   |          MAC address          |
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+                               +
 *  28 |                                                               |
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 */
import type { IpAddress, MacAddress } from './address.ts';
import {
  encodeEthernet,
  ETHERNET_HEADER_LENGTH,
  ETHERNET_SOURCE_OFFSET,
  EtherType,
  MAC_ADDRESS_LENGTH,
} from './ethernet.ts';
import {
  encodeIcmpv6,
  ICMPV6_HEADER_LENGTH,
  Icmpv6Type,
  readIcmpv6Code,
  readIcmpv6Type,
  verifyIcmpv6Checksum,
  writeIcmpv6Checksum,
} from './icmpv6.ts';
import { IpProtocol } from './ip.ts';
import {
  encodeIpv6,
  IPV6_ADDRESS_LENGTH,
  IPV6_HEADER_LENGTH,
  IPV6_SOURCE_OFFSET,
  readIpv6HopLimit,
  readIpv6NextHeader,
  readIpv6PayloadLength,
  readIpv6Version,
} from './ipv6.ts';

/** Of every such message: no router has passed it on. */
const HOP_LIMIT = 255;
const MESSAGE_LENGTH = ICMPV6_HEADER_LENGTH + IPV6_ADDRESS_LENGTH;
const OPTION_LENGTH = 8;
const OptionType = { source: 1, target: 2 } as const;

/** Flags of an advertisement, in the 32 bits behind the checksum. */
export const AdvertisementFlag = { solicited: 0x40_00_00_00, override: 0x20_00_00_00 } as const;

/** All nodes of a link. */
export const ALL_NODES: IpAddress = {
  family: 6,
  bytes: Uint8Array.of(0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1),
};

/** `::` */
export const UNSPECIFIED: IpAddress = { family: 6, bytes: new Uint8Array(IPV6_ADDRESS_LENGTH) };

/** What a frame with such a message says. Addresses are copies. */
export interface NeighborMessage {
  readonly kind: 'solicitation' | 'advertisement';
  /** Of the frame. */
  readonly senderMac: MacAddress;
  /** `::`: it asks whether anybody has the address (RFC 4862, section 5.4). */
  readonly source: IpAddress;
  readonly target: IpAddress;
}

/** The message in a frame; `undefined`: there is none, or one that is to be discarded (RFC 4861, sections 7.1.1 and 7.1.2). */
export function readNeighborFrame(frame: Uint8Array): NeighborMessage | undefined {
  const ipAt = ETHERNET_HEADER_LENGTH;
  const at = ipAt + IPV6_HEADER_LENGTH;
  if (frame.length < at + MESSAGE_LENGTH || readIpv6Version(frame, ipAt) !== 6) return undefined;
  if (readIpv6NextHeader(frame, ipAt) !== IpProtocol.icmpv6 || readIpv6HopLimit(frame, ipAt) !== HOP_LIMIT)
    return undefined;
  const lengthBytes = readIpv6PayloadLength(frame, ipAt);
  if (lengthBytes < MESSAGE_LENGTH || frame.length < at + lengthBytes) return undefined;
  const type = readIcmpv6Type(frame, at);
  const isSolicitation = type === Icmpv6Type.neighborSolicitation;
  if (!isSolicitation && type !== Icmpv6Type.neighborAdvertisement) return undefined;
  if (readIcmpv6Code(frame, at) !== 0 || !verifyIcmpv6Checksum(frame, ipAt, at, lengthBytes)) return undefined;
  const senderMac = frame.slice(ETHERNET_SOURCE_OFFSET, ETHERNET_SOURCE_OFFSET + MAC_ADDRESS_LENGTH);
  return {
    kind: isSolicitation ? 'solicitation' : 'advertisement',
    senderMac,
    source: addressIn(frame, ipAt + IPV6_SOURCE_OFFSET),
    target: addressIn(frame, at + ICMPV6_HEADER_LENGTH),
  };
}

/** Who has `target`, asked by nobody in particular: only who has it says so, to all. */
export function solicitationFrame(target: IpAddress, mac: MacAddress): Uint8Array {
  return neighborFrame({
    type: Icmpv6Type.neighborSolicitation,
    flags: 0,
    source: UNSPECIFIED,
    destination: solicitedNodeGroup(target),
    destinationMac: groupMac(solicitedNodeGroup(target)),
    target,
    mac,
    option: undefined,
  });
}

/** `target` is at `mac`. @param destination of the packet: {@link ALL_NODES}, or who asked, at `destinationMac` */
export function advertisementFrame(
  target: IpAddress,
  mac: MacAddress,
  flags: number,
  destination: IpAddress = ALL_NODES,
  destinationMac: MacAddress = groupMac(ALL_NODES),
): Uint8Array {
  return neighborFrame({
    type: Icmpv6Type.neighborAdvertisement,
    flags,
    source: target,
    destination,
    destinationMac,
    target,
    mac,
    option: OptionType.target,
  });
}

/** Where those who may have an address listen (RFC 4291, section 2.7.1): `ff02::1:ffXX:XXXX`. */
export function solicitedNodeGroup({ bytes }: IpAddress): IpAddress {
  const group = Uint8Array.of(0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, bytes[13]!, bytes[14]!, bytes[15]!);
  return { family: 6, bytes: group };
}

/** RFC 2464, section 7. */
function groupMac({ bytes }: IpAddress): MacAddress {
  return Uint8Array.of(0x33, 0x33, ...bytes.subarray(12));
}

interface NeighborFrame {
  readonly type: number;
  readonly flags: number;
  readonly source: IpAddress;
  readonly destination: IpAddress;
  readonly destinationMac: MacAddress;
  readonly target: IpAddress;
  readonly mac: MacAddress;
  readonly option: number | undefined;
}

function neighborFrame(wanted: NeighborFrame): Uint8Array {
  const { type, flags, source, destination, destinationMac, target, mac, option } = wanted;
  const ipAt = ETHERNET_HEADER_LENGTH;
  const at = ipAt + IPV6_HEADER_LENGTH;
  const lengthBytes = MESSAGE_LENGTH + (option === undefined ? 0 : OPTION_LENGTH);
  const frame = new Uint8Array(at + lengthBytes);
  encodeEthernet(destinationMac, 0, mac, 0, EtherType.ipv6, frame, 0);
  encodeIpv6(0, 0, lengthBytes, IpProtocol.icmpv6, HOP_LIMIT, source.bytes, 0, destination.bytes, 0, frame, ipAt);
  encodeIcmpv6(type, 0, flags, frame, at);
  frame.set(target.bytes, at + ICMPV6_HEADER_LENGTH);
  if (option !== undefined) frame.set([option, 1, ...mac], at + MESSAGE_LENGTH);
  writeIcmpv6Checksum(frame, ipAt, at, lengthBytes);
  return frame;
}

function addressIn(bytes: Uint8Array, at: number): IpAddress {
  return { family: 6, bytes: bytes.slice(at, at + IPV6_ADDRESS_LENGTH) };
}
