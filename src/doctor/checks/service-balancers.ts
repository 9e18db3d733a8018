/** Addresses of load balancers: whether each service has one, whether a node answers for it, and nobody else. */
import { byHand, type DaemonCheck, type FindingKinds, found } from '../check.ts';
import type { Finding } from '../finding.ts';
import { evidenceOf } from '../suspicion-words.ts';

const finds: FindingKinds = {
  'balancer-address-missing': {
    severity: 'error',
    title: 'services of type LoadBalancer have no address: nobody reaches them from outside',
    cause:
      'all addresses of the pools are taken, the one that a service asks for cannot be had, or nobody could write it into the service',
    scope: 'cluster',
  },
  'balancer-unanswered': {
    severity: 'error',
    title: 'no node answers for addresses of load balancers: nobody reaches them',
    cause:
      'no node that is there has an interface with an address in the same prefix; or the service keeps to backends of its node, and has none',
    scope: 'cluster',
  },
  'balancer-contested': {
    severity: 'error',
    title: 'another host answers for addresses of load balancers: some clients are sent there',
    cause:
      'the address is configured on a host, or was given out by DHCP; or a node that this one does not hear of answers as well',
    scope: 'cluster',
  },
  'balancer-partition': {
    severity: 'warning',
    title: 'nodes that are dead for this one may answer for addresses of load balancers as well',
    cause:
      'while gossip does not reach them, each side of a partition answers for all addresses, if the nodes are still on one link',
    scope: 'cluster',
  },
};

export const serviceBalancers: DaemonCheck = {
  subject: 'services: addresses of load balancers',
  needs: 'daemon',
  looksAt: ['services'],
  finds,
  look: ({ daemon: { services } }) => {
    const balancer = services?.balancer;
    if (balancer === undefined) return [];
    const all: Finding[] = [];
    if (balancer.missing.count > 0)
      all.push(
        found(
          finds,
          'balancer-address-missing',
          evidenceOf(balancer.missing, ({ service, why }) => `${service}: ${why}`),
          byHand(
            'give services.pools more addresses, on all nodes, or remove services that are of no use any more; let a service ask for an address that is free, or for none',
            'weft services',
          ),
        ),
      );
    if (balancer.unanswered.count > 0)
      all.push(
        found(
          finds,
          'balancer-unanswered',
          evidenceOf(balancer.unanswered, (address) => `nobody answers for ${address}`),
          byHand(
            'give services.pools addresses of a prefix that an interface of a node has, and the service one of these; start backends of a service with externalTrafficPolicy Local',
            'ip -br address',
            'weft services NAME',
          ),
        ),
      );
    if (balancer.contested.count > 0)
      all.push(
        found(
          finds,
          'balancer-contested',
          evidenceOf(balancer.contested, ({ address, by, device, node }) => {
            const who = node === '' ? by : `${by}, which is node ${node},`;
            return `${who} answers for ${address} on ${device}, too`;
          }),
          byHand(
            'take the address from that host, or out of services.pools; if it is a node, let gossip reach it',
            ...balancer.contested.some
              .map(({ address, device }) => `arping -D -c 3 -I ${device} ${address}`)
              .slice(0, 1),
          ),
        ),
      );
    if (balancer.cutOff.count > 0)
      all.push(
        found(
          finds,
          'balancer-partition',
          evidenceOf(balancer.cutOff, (node) => `${node} is dead`),
          byHand('let gossip reach these nodes, or, if they are gone for good, forget them', 'weft peer forget NODE'),
        ),
      );
    return all;
  },
};
