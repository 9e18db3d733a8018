/** Whether gossip, which is UDP, passes in both directions. */
import { byHand, found, type DaemonCheck, type FindingKinds } from '../check.ts';
import { isCut } from './data-path.ts';

const finds: FindingKinds = {
  'gossip-one-way': {
    severity: 'warning',
    title: 'gossip with another node gets through only by detours: over other nodes, or over TCP',
    cause: 'UDP on the port of gossip is dropped on the way there or on the way back',
    follows: [
      'firewall-drops',
      'firewall-closed',
      'send-refused',
      'underlay-lost',
      'underlay-wrong-interface',
      'address-translated',
      'port-translated',
      'path-cut',
    ],
    scope: 'pair',
  },
  'gossip-alone': {
    severity: 'error',
    title: 'this node knows no other: nobody answers its gossip',
    cause:
      'the seeds are wrong, down or cut off, they hold other keys, or something on the way translates addresses (NAT)',
    follows: ['firewall-drops', 'firewall-closed', 'send-refused', 'underlay-lost', 'underlay-wrong-interface'],
  },
};

/** So many probes in a row: one may be late on a busy node. */
const MIN_IN_A_ROW = 3;

export const gossipPath: DaemonCheck = {
  subject: 'gossip, in both directions',
  needs: 'daemon',
  finds,
  look: ({ daemon: { recent, peers, notices }, host: { plumbing } }) => {
    // Where nothing passes at all, that is said already.
    const cut = new Set(peers.filter(isCut).map(({ name }) => name));
    const roundabout = Object.entries(recent.roundaboutProbes).filter(
      ([name, inARow]) => inARow >= MIN_IN_A_ROW && !cut.has(name),
    );
    const about = roundabout.map(([node, inARow]) => ({
      node,
      evidence: [`the last ${inARow} probes of ${node} were not answered straight, and were by a detour`],
    }));
    const alone = notices.filter(({ code }) => code === 'gossip-alone').map(({ message }) => message);
    return [
      ...(roundabout.length === 0
        ? []
        : [
            found(
              finds,
              'gossip-one-way',
              about.flatMap(({ evidence }) => evidence),
              byHand(
                `allow UDP port ${plumbing.gossipPort} between the nodes, in both directions`,
                `tcpdump -ni any udp port ${plumbing.gossipPort}`,
              ),
              about,
            ),
          ]),
      ...(alone.length === 0
        ? []
        : [
            found(
              finds,
              'gossip-alone',
              alone,
              byHand('look at gossip.seeds, and at the keys of both nodes', 'weft key list'),
            ),
          ]),
    ];
  },
};
