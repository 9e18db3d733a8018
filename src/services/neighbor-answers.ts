/**
 * Who answers on a link for addresses that no interface has: ARP (RFC 826, RFC 5227) for IPv4, Neighbor Discovery (RFC 4861) for IPv6. What comes
 * in is a frame, what goes out is one.
 */
import { equalIpAddresses, formatIpAddress, type IpAddress, type MacAddress } from '../wire/address.ts';
import { arpFrame, ArpOperation, readArp } from '../wire/arp.ts';
import { ETHERNET_HEADER_LENGTH, EtherType, readEtherType } from '../wire/ethernet.ts';
import {
  AdvertisementFlag,
  advertisementFrame,
  readNeighborFrame,
  solicitationFrame,
  UNSPECIFIED,
} from '../wire/neighbor-discovery.ts';

/** What a frame means to who has some addresses. */
export type Heard =
  | { readonly kind: 'asked'; readonly answer: Uint8Array }
  /** Somebody else says that it has the address. */
  | { readonly kind: 'contested'; readonly address: IpAddress; readonly by: MacAddress };

const BROADCAST: MacAddress = new Uint8Array(6).fill(0xff);
const NOBODY: MacAddress = new Uint8Array(6);
const NOWHERE: IpAddress = { family: 4, bytes: new Uint8Array(4) };

/** @param has whether an address, as text, is ours. @param mac at which it is. @returns `undefined`: it is none of our business */
export function hear(frame: Uint8Array, mac: MacAddress, has: (address: string) => boolean): Heard | undefined {
  if (frame.length < ETHERNET_HEADER_LENGTH) return undefined;
  const type = readEtherType(frame, 0);
  if (type === EtherType.arp) return hearArp(frame, mac, has);
  return type === EtherType.ipv6 ? hearNeighbor(frame, mac, has) : undefined;
}

/** Tells everybody on the link who has the address now. */
export function announcementOf(address: IpAddress, mac: MacAddress): Uint8Array {
  if (address.family === 6) return advertisementFrame(address, mac, AdvertisementFlag.override);
  // RFC 5227, section 3: a request, which every host takes.
  return arpFrame(
    { operation: ArpOperation.request, senderMac: mac, sender: address, targetMac: NOBODY, target: address },
    BROADCAST,
  );
}

/** Asks whether somebody else has the address, without saying that it is ours. */
export function probeOf(address: IpAddress, mac: MacAddress): Uint8Array {
  if (address.family === 6) return solicitationFrame(address, mac);
  return arpFrame(
    { operation: ArpOperation.request, senderMac: mac, sender: NOWHERE, targetMac: NOBODY, target: address },
    BROADCAST,
  );
}

function hearArp(frame: Uint8Array, mac: MacAddress, has: (address: string) => boolean): Heard | undefined {
  const packet = readArp(frame, ETHERNET_HEADER_LENGTH);
  if (packet === undefined || isSame(packet.senderMac, mac)) return undefined;
  const { operation, sender, senderMac, target } = packet;
  if (has(formatIpAddress(sender))) return { kind: 'contested', address: sender, by: senderMac };
  if (operation !== ArpOperation.request || !has(formatIpAddress(target))) return undefined;
  return {
    kind: 'asked',
    answer: arpFrame(
      { operation: ArpOperation.reply, senderMac: mac, sender: target, targetMac: senderMac, target: sender },
      senderMac,
    ),
  };
}

function hearNeighbor(frame: Uint8Array, mac: MacAddress, has: (address: string) => boolean): Heard | undefined {
  const message = readNeighborFrame(frame);
  if (message === undefined || isSame(message.senderMac, mac) || !has(formatIpAddress(message.target)))
    return undefined;
  const { kind, source, senderMac, target } = message;
  if (kind === 'advertisement') return { kind: 'contested', address: target, by: senderMac };
  const { solicited, override } = AdvertisementFlag;
  // Whoever asks without an address is told with all others (section 7.2.4).
  const answer = equalIpAddresses(source, UNSPECIFIED)
    ? advertisementFrame(target, mac, override)
    : advertisementFrame(target, mac, solicited | override, source, senderMac);
  return { kind: 'asked', answer };
}

function isSame(a: MacAddress, b: MacAddress): boolean {
  return a.every((octet, index) => octet === b[index]);
}
