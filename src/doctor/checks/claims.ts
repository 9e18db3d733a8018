/** Names, addresses, prefixes and MACs that more than one node claims, and claims that nobody may make. */
import { byHand, found, type DaemonCheck, type FindingKinds } from '../check.ts';
import type { Fix } from '../finding.ts';

const loser = 'of nodes that claim the same, the one with the lowest identity keeps it, and the others are refused';

const finds: FindingKinds = {
  'identity-contested': {
    severity: 'error',
    title: 'another machine runs as this very node',
    cause: 'the state directory was copied, as with an image of a machine on which weft had run',
  },
  'name-taken': {
    severity: 'error',
    title: 'two nodes have the same name',
    cause: `nodeName was copied; ${loser}`,
    scope: 'cluster',
  },
  'endpoint-taken': {
    severity: 'error',
    title: 'two nodes have the same underlay address',
    cause: `an address was given out twice, or two daemons share one address and port; ${loser}`,
    follows: ['name-taken'],
    scope: 'cluster',
  },
  'mac-taken': {
    severity: 'error',
    title: 'two nodes have the same MAC address in the overlay',
    cause: `it is derived from the identity, so a state directory was copied, or a static peer was given it; ${loser}`,
    follows: ['name-taken', 'identity-contested'],
    scope: 'cluster',
  },
  'prefix-overlap': {
    severity: 'error',
    title: 'two nodes have the same prefix, or prefixes that overlap',
    cause: `nodePrefixes were copied, or a pod was made the router of a prefix that another node has; ${loser}`,
    follows: ['name-taken'],
    scope: 'cluster',
  },
  'outside-cluster': {
    severity: 'error',
    title: 'a node announces a prefix that lies outside of the cluster',
    cause: 'clusterPrefixes differ between the nodes, or nodePrefixes are wrong there',
    scope: 'cluster',
  },
  'other-network': {
    severity: 'warning',
    title: 'nodes of another network take part in the gossip of this one',
    cause: 'networkName differs between nodes that know each other as seeds',
    scope: 'cluster',
  },
  'no-data-endpoint': {
    severity: 'error',
    title: 'a node announces no endpoint for VXLAN that this one could use',
    cause: 'its underlay address is of the other address family',
  },
};

const remedies: Readonly<Record<string, Fix>> = {
  'identity-contested': byHand('on the copy: stop the daemon, and remove all that it knows', 'weft reset --yes'),
  'name-taken': byHand('give one of them another nodeName, and start it again'),
  'endpoint-taken': byHand('give one of them another address, and start it again', 'weft peers'),
  'mac-taken': byHand('on one of them: stop the daemon, and remove all that it knows', 'weft reset --yes'),
  'prefix-overlap': byHand(
    'give one of them other nodePrefixes, and start it again; if the prefix lies behind a pod, add that pod again with another --allow-source',
    'weft pod list',
  ),
  'outside-cluster': byHand('give all nodes the same clusterPrefixes, and the node nodePrefixes in them'),
  'other-network': byHand('give all nodes the same networkName, or each network seeds of its own'),
  'no-data-endpoint': byHand('set underlay.address there to an address of the same family as here'),
};

export const claims: DaemonCheck = {
  subject: 'nodes that claim the same name, address, prefix or MAC',
  needs: 'daemon',
  finds,
  look: ({ daemon: { notices } }) =>
    Object.entries(remedies).flatMap(([id, fix]) => {
      const evidence = notices.filter(({ code }) => code === id).map(({ message }) => message);
      return evidence.length === 0 ? [] : [found(finds, id, evidence, fix)];
    }),
};
