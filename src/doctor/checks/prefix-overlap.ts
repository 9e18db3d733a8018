/** Routes of this machine that share addresses with the overlay. */
import { byHand, found, type DaemonCheck, type FindingKinds } from '../check.ts';

const finds: FindingKinds = {
  'prefix-overlaps-host-route': {
    severity: 'error',
    title: 'a route of this machine and a prefix of the overlay share addresses: some of them cannot be reached',
    cause:
      "the cluster's prefixes were chosen without looking at networks that this machine knows: a VPN, Docker, the office",
  },
};

export const prefixOverlap: DaemonCheck = {
  subject: "overlap of the overlay's prefixes with routes of this machine",
  needs: 'daemon',
  looksAt: ['kernel'],
  finds,
  look: ({ daemon: { differences } }) => {
    const foreign = differences.filter(({ problem }) => problem === 'foreign');
    if (foreign.length === 0) return [];
    return [
      found(
        finds,
        'prefix-overlaps-host-route',
        foreign.map(({ message }) => message),
        byHand(
          'remove the route if nobody needs it; otherwise give the cluster other clusterPrefixes',
          ...foreign.map(({ subject }) => `ip route delete ${subject}`),
        ),
      ),
    ];
  },
};
