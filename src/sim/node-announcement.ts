/** What simulated nodes announce. */
import type { Announcement } from '../membership/announcement.ts';
import { NACK_CAPABILITY } from '../membership/failure-detector.ts';
import type { IpAddress } from '../wire/address.ts';
import type { Prefix } from '../wire/prefix.ts';
import { endpointAt } from './place.ts';
import { VXLAN_PORT } from '../wire/vxlan.ts';
import { GOSSIP_PORT } from '../membership/parameters.ts';
import { SeededRandom } from './seeded-random.ts';

/** Network that all simulated nodes are in. */
export const NETWORK = 'simulated';

/** 10.0.0.0/8 and fd00:10::/32: all prefixes of nodes lie in them. */
export const clusterPrefixes: readonly Prefix[] = [
  { address: { family: 4, bytes: Uint8Array.of(10, 0, 0, 0) }, lengthBits: 8 },
  { address: v6(0, 0), lengthBits: 32 },
];

/** The identity of node `number`: as random as real ones, and always the same. */
export function identityOf(number: number): string {
  const random = new SeededRandom(number, 0x1d);
  return Array.from({ length: 4 }, () => random.uint32().toString(16).padStart(8, '0')).join('');
}

/** What node `number` announces while it is at `place`: n5 has 10.0.5.0/24 and fd00:10:0:5::/64. */
export function announcementAt(number: number, place: number): Announcement {
  const [high, low] = [number >> 8, number & 0xff];
  return {
    identity: identityOf(number),
    name: `n${number}`,
    network: NETWORK,
    ...endpointsAt(place),
    mac: Uint8Array.of(2, 0, 0, 0, high, low),
    nodeAddresses: [{ family: 4, bytes: Uint8Array.of(10, high, low, 1) }, v6(number, 1)],
    prefixes: [
      { address: { family: 4, bytes: Uint8Array.of(10, high, low, 0) }, lengthBits: 24 },
      { address: v6(number, 0), lengthBits: 64 },
    ],
    mtuBytes: 1_450,
    version: '0.1.0',
    capabilities: ['remote-checksum', NACK_CAPABILITY],
    keyIds: [],
    pathReports: [],
  };
}

/** What an announcement says about where its node is. */
export function endpointsAt(place: number): Pick<Announcement, 'gossipEndpoint' | 'dataEndpoints'> {
  return {
    gossipEndpoint: endpointAt(place, GOSSIP_PORT),
    dataEndpoints: [{ gear: 'userspace', endpoint: endpointAt(place, VXLAN_PORT) }],
  };
}

/** A further prefix that node `number` may announce: fd00:10:1:5::/64, number `serial` of them. */
export function extraPrefix(number: number, serial: number): Prefix {
  return { address: v6(number, 0, serial + 1), lengthBits: 64 };
}

/** fd00:10:GROUP:NUMBER::LAST */
function v6(number: number, last: number, group = 0): IpAddress {
  const bytes = new Uint8Array(16);
  bytes.set([0xfd, 0x00, 0x00, 0x10, group >> 8, group & 0xff, number >> 8, number & 0xff]);
  bytes[15] = last;
  return { family: 6, bytes };
}
