/** The flow that a packet belongs to, read from its first bytes alone. Pure. */
import { formatIpAddress, type IpAddress } from '../wire/address.ts';
import { readIpVersion } from '../wire/ip.ts';
import {
  IPV4_DESTINATION_OFFSET,
  IPV4_MIN_HEADER_LENGTH,
  IPV4_SOURCE_OFFSET,
  isIpv4Fragment,
  readIpv4HeaderLength,
  readIpv4Protocol,
} from '../wire/ipv4.ts';
import { IPV6_DESTINATION_OFFSET, IPV6_HEADER_LENGTH, IPV6_SOURCE_OFFSET, readIpv6NextHeader } from '../wire/ipv6.ts';
import {
  findIpv6UpperLayer,
  isUpperLayerFragment,
  upperLayerOffset,
  upperLayerProtocol,
} from '../wire/ipv6-extensions.ts';
import { isLinkLocalAddress } from '../wire/link-local-address.ts';
import { equalOctets, readU16 } from '../wire/octets.ts';
import { hasPorts } from './packet-description.ts';

/** Where packets come from and go to. */
export interface PacketFlow {
  readonly source: string;
  readonly destination: string;
  /** Number of the protocol. */
  readonly protocol: number;
  /** 0 where there are none, or they cannot be seen. */
  readonly sourcePort: number;
  readonly destinationPort: number;
}

const PORTS_LENGTH = 4;

/** The flow of the IP packet that begins like this; `undefined` if it is none. The packet may end anywhere behind its addresses. */
export function readFlow(header: Uint8Array): PacketFlow | undefined {
  const version = header.length === 0 ? 0 : readIpVersion(header, 0);
  if (version === 4 && header.length >= IPV4_MIN_HEADER_LENGTH) return readFlow4(header);
  if (version === 6 && header.length >= IPV6_HEADER_LENGTH) return readFlow6(header);
  return undefined;
}

/**
 * Whether the IP packet that begins like this is one of weft's own: probes of paths, and their answers, go from one link-local
 * address to another, as no packet of a pod does here.
 */
export function isProbe(header: Uint8Array): boolean {
  if (header.length < IPV6_HEADER_LENGTH || readIpVersion(header, 0) !== 6) return false;
  return isLinkLocalAddress(header, IPV6_SOURCE_OFFSET) && isLinkLocalAddress(header, IPV6_DESTINATION_OFFSET);
}

/** A short text that is the same for packets of one flow, and of no other; empty if it is no IP packet. Cheap. */
export function flowKey(header: Uint8Array): string {
  const version = header.length === 0 ? 0 : readIpVersion(header, 0);
  if (version === 4 && header.length >= IPV4_MIN_HEADER_LENGTH) {
    const protocol = readIpv4Protocol(header, 0);
    const at = isIpv4Fragment(header, 0) ? -1 : readIpv4HeaderLength(header, 0);
    return key(header, IPV4_SOURCE_OFFSET, 8, protocol, at);
  }
  if (version === 6 && header.length >= IPV6_HEADER_LENGTH) {
    const { protocol, portsAt } = transport6(header);
    return key(header, IPV6_SOURCE_OFFSET, 32, protocol, portsAt);
  }
  return '';
}

/** Which way the IP packet that begins like this goes between two addresses of one family; `undefined`: it is none of these. */
export function wayBetween(
  header: Uint8Array,
  source: IpAddress,
  destination: IpAddress,
): 'there' | 'back' | undefined {
  const { family, bytes } = source;
  const [sourceAt, destinationAt] =
    family === 4 ? [IPV4_SOURCE_OFFSET, IPV4_DESTINATION_OFFSET] : [IPV6_SOURCE_OFFSET, IPV6_DESTINATION_OFFSET];
  if (header.length < destinationAt + bytes.length || readIpVersion(header, 0) !== family) return undefined;
  const has = (at: number, address: IpAddress): boolean => equalOctets(header, at, address.bytes, 0, bytes.length);
  if (has(sourceAt, source) && has(destinationAt, destination)) return 'there';
  return has(sourceAt, destination) && has(destinationAt, source) ? 'back' : undefined;
}

function key(header: Uint8Array, at: number, length: number, protocol: number, transportAt: number): string {
  let text = String.fromCharCode(protocol);
  for (let index = 0; index < length; index += 2) text += String.fromCharCode(readU16(header, at + index));
  const [source, destination] = portsAt(header, protocol, transportAt);
  return text + String.fromCharCode(source, destination);
}

function readFlow4(header: Uint8Array): PacketFlow {
  const protocol = readIpv4Protocol(header, 0);
  const transportAt = isIpv4Fragment(header, 0) ? -1 : readIpv4HeaderLength(header, 0);
  const [sourcePort, destinationPort] = portsAt(header, protocol, transportAt);
  const address = (at: number): string => formatIpAddress({ family: 4, bytes: header.subarray(at, at + 4) });
  const [source, destination] = [address(IPV4_SOURCE_OFFSET), address(IPV4_DESTINATION_OFFSET)];
  return { source, destination, protocol, sourcePort, destinationPort };
}

function readFlow6(header: Uint8Array): PacketFlow {
  const { protocol, portsAt: at } = transport6(header);
  const [sourcePort, destinationPort] = portsAt(header, protocol, at);
  const address = (at: number): string => formatIpAddress({ family: 6, bytes: header.subarray(at, at + 16) });
  const [source, destination] = [address(IPV6_SOURCE_OFFSET), address(IPV6_DESTINATION_OFFSET)];
  return { source, destination, protocol, sourcePort, destinationPort };
}

function transport6(header: Uint8Array): { readonly protocol: number; readonly portsAt: number } {
  const found = findIpv6UpperLayer(header, 0, header.length);
  if (found === -1) return { protocol: readIpv6NextHeader(header, 0), portsAt: -1 };
  const portsAt = isUpperLayerFragment(found) ? -1 : upperLayerOffset(found);
  return { protocol: upperLayerProtocol(found), portsAt };
}

const noPorts: readonly [number, number] = [0, 0];

function portsAt(header: Uint8Array, protocol: number, at: number): readonly [number, number] {
  if (at === -1 || !hasPorts(protocol) || at + PORTS_LENGTH > header.length) return noPorts;
  return [readU16(header, at), readU16(header, at + 2)];
}
