/** What each member of the population announces. Pure: the same index gives the same member. */
import { createHash } from 'node:crypto';
import { macOfIdentity } from '../../src/daemon/state/node-identity.ts';
import type { DirectoryPod } from '../../src/directory/directory-pod.ts';
import type { Announcement } from '../../src/membership/announcement.ts';
import { type Endpoint, parseIpAddress } from '../../src/wire/address.ts';
import { parsePrefix } from '../../src/wire/prefix.ts';
import { VXLAN_PORT } from '../../src/wire/vxlan.ts';

/** Network of the lab's nodes. */
export const NETWORK = 'default';

/** Prefixes of each, half of them IPv4. */
export const PREFIXES_PER_MEMBER = 10;

/** Prefixes that contain those of all members, and the lab's. */
export const POPULATION_CLUSTER_PREFIXES = ['10.0.0.0/8', 'fd00:10::/32'] as const;

/** Underlay addresses of their data paths, where nobody is. */
export const POPULATION_UNDERLAY = '198.18.64.0/18';

/** Above the third group of the lab's own IPv6 prefixes. */
const FIRST_IPV6_GROUP = 0x8000;

/** Largest number of them: five /24 of 10.0.0.0/8 each, below those of the lab. */
export const MAX_POPULATION = 6_500;

export function populationMember(index: number, gossipEndpoint: Endpoint): Announcement {
  const identity = createHash('sha256').update(`population ${index}`).digest('hex').slice(0, 32);
  const numbers = Array.from({ length: PREFIXES_PER_MEMBER / 2 }, (_, at) => index * (PREFIXES_PER_MEMBER / 2) + at);
  const first = numbers[0]!;
  return {
    identity,
    name: `population-${index}`,
    network: NETWORK,
    gossipEndpoint,
    dataEndpoints: [
      {
        gear: 'userspace',
        endpoint: { address: parseIpAddress(`198.18.${64 + (index >> 8)}.${index & 0xff}`)!, port: VXLAN_PORT },
      },
    ],
    mac: macOfIdentity(identity),
    nodeAddresses: [`${ipv4Group(first)}.1`, `${ipv6Group(first)}::1`].map((text) => parseIpAddress(text)!),
    prefixes: [
      ...numbers.map((number) => parsePrefix(`${ipv4Group(number)}.0/24`)!),
      ...numbers.map((number) => parsePrefix(`${ipv6Group(number)}::/48`)!),
    ],
    mtuBytes: 1450,
    version: '0.1.0',
    capabilities: ['remote-checksum', 'relay'],
    keyIds: [],
    pathReports: [],
  };
}

/** Pods of a member, as they are called in a cluster of some size: about 170 bytes each. At most 200. */
export function populationPods(index: number, count: number): DirectoryPod[] {
  const group = index * (PREFIXES_PER_MEMBER / 2);
  return Array.from({ length: count }, (_, serial) => {
    const hash = createHash('sha256').update(`pod ${index} ${serial}`).digest('hex');
    const app = `service-${(index * count + serial) % 400}`;
    return {
      name: `${app}-${hash.slice(0, 10)}-${hash.slice(10, 15)}`,
      namespace: `team-${(index + serial) % 20}`,
      addresses: [`${ipv4Group(group)}.${2 + serial}`, `${ipv6Group(group)}::${(2 + serial).toString(16)}`].map(
        (text) => parseIpAddress(text)!,
      ),
      labels: { app, 'pod-template-hash': hash.slice(0, 10), 'app.kubernetes.io/version': `1.${serial}` },
      hasMoreLabels: false,
      ports: [],
      hasMorePorts: false,
      isSuperseded: false,
    };
  });
}

function ipv4Group(number: number): string {
  return `10.${number >> 8}.${number & 0xff}`;
}

function ipv6Group(number: number): string {
  return `fd00:10:${(FIRST_IPV6_GROUP + number).toString(16)}`;
}
