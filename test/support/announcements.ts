/** Announcements of imaginary nodes. */
import type { Announcement, Member, MemberState } from '../../src/membership/announcement.ts';
import { parseEndpoint, parseIpAddress, parseMacAddress, type Endpoint } from '../../src/wire/address.ts';
import { parsePrefix, type Prefix } from '../../src/wire/prefix.ts';

/** The endpoint in `text`, which is one. */
export function endpoint(text: string): Endpoint {
  return parseEndpoint(text)!;
}

/** The prefix in `text`, which is one. */
export function prefix(text: string): Prefix {
  return parsePrefix(text)!;
}

/** The identity of node `number`. */
export function identityOf(number: number): string {
  return number.toString(16).padStart(4, '0').repeat(8);
}

/** What node `number`, 1 to 65535, announces: n5 at 198.18.0.5:7948 has 10.244.5.0/24 and fd00:10:244:5::/64. */
export function announcementOf(number: number, change: Partial<Announcement> = {}): Announcement {
  const high = number >> 8;
  const low = number & 0xff;
  const mac = [2, 0, 0, 0, high, low].map((octet) => octet.toString(16).padStart(2, '0')).join(':');
  return {
    identity: identityOf(number),
    name: `n${number}`,
    network: 'default',
    gossipEndpoint: endpoint(`198.18.${high}.${low}:7948`),
    dataEndpoints: [{ gear: 'userspace', endpoint: endpoint(`198.18.${high}.${low}:4789`) }],
    mac: parseMacAddress(mac)!,
    nodeAddresses: [
      parseIpAddress(`10.${244 + high}.${low}.1`)!,
      parseIpAddress(`fd00:10:244:${number.toString(16)}::1`)!,
    ],
    prefixes: [prefix(`10.${244 + high}.${low}.0/24`), prefix(`fd00:10:244:${number.toString(16)}::/64`)],
    mtuBytes: 1450,
    version: '0.1.0',
    capabilities: ['remote-checksum'],
    keyIds: [],
    pathReports: [],
    ...change,
  };
}

/** Node `number` as a member. */
export function memberOf(number: number, change: Partial<Announcement> = {}, state: MemberState = 'alive'): Member {
  return { announcement: announcementOf(number, change), incarnation: 1, state, sinceMs: 0, announcedMs: 0 };
}
