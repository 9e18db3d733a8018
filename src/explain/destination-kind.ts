/** Destinations that no node routes, and what the kernel does with packets for them. Pure. */
import { type IpAddress, formatIpAddress } from '../wire/address.ts';

/** `host`: one of one machine, wherever that is. */
export type DestinationKind = 'host' | 'multicast' | 'broadcast' | 'loopback' | 'unspecified';

/** What kind of address it is (RFC 1122, section 3.2.1.3; RFC 1112, section 4; RFC 4291). */
export function destinationKind({ family, bytes }: IpAddress): DestinationKind {
  const first = bytes[0]!;
  if (bytes.every((octet) => octet === 0)) return 'unspecified';
  if (family === 6) {
    if (first === 0xff) return 'multicast';
    return bytes.at(-1) === 1 && bytes.subarray(0, -1).every((octet) => octet === 0) ? 'loopback' : 'host';
  }
  if (first === 127) return 'loopback';
  if (bytes.every((octet) => octet === 0xff)) return 'broadcast';
  return first >= 224 && first < 240 ? 'multicast' : 'host';
}

/** What becomes of a packet to a group, or to all, that comes to a node. */
export function groupWords(destination: IpAddress, place: string, isMember: boolean, isEcho: boolean): string {
  const address = formatIpAddress(destination);
  const kind = destinationKind(destination) === 'multicast' ? 'a multicast address' : 'a broadcast address';
  const who = isMember
    ? `${place} takes it, and passes it on to nobody`
    : `${place} is not in that group, and passes it on to nobody`;
  const unanswered =
    isMember && isEcho && destination.family === 4 ? ', and answers no ping to it (icmp_echo_ignore_broadcasts)' : '';
  return `${address} is ${kind}, which weft never sees: ${who}${unanswered}`;
}
