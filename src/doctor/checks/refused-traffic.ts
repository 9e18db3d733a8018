/** Packets that weft's rules in the kernel refuse: somebody behind this node tries what only nodes may. See docs/trust.md. */
import { byHand, type DaemonCheck, type FindingKinds, found } from '../check.ts';

const finds: FindingKinds = {
  'traffic-refused': {
    severity: 'warning',
    title: 'a pod, or a program in a container beside weft, sends what weft refuses',
    cause: 'a program that scans or attacks, or one that is set up for VXLAN of its own',
  },
};

/** Names of the counters of `inet weft`, and of what is refused. */
const reasons: Readonly<Record<string, string>> = {
  'not-from-a-node': 'to the data or gossip port of a node',
  'masqueraded-vxlan': "to a VXLAN port outside of the cluster, under this node's address",
  'pod-to-loopback': 'to a loopback address of this node',
  'pod-to-metrics': 'to the metrics of this node',
  'pod-as-router': 'as if a pod were a router',
  'names-from-outside': 'to the names of this node (port 53), from outside of the overlay',
  'names-flood': 'to the names of this node (port 53), more than a pod may send in a second',
};

/** One datagram may be anybody's mistake. */
const MIN_PACKETS = 5;

export const refusedTraffic: DaemonCheck = {
  subject: 'packets that the rules of weft refuse',
  needs: 'daemon',
  finds,
  look: ({ daemon: { recent } }) => {
    const evidence = Object.entries(reasons).flatMap(([reason, what]) => {
      const packets = recent.dropped[reason] ?? 0;
      return packets < MIN_PACKETS
        ? []
        : [`${packets} packets in the last ${recent.seconds} s were refused as ${reason}: ${what}`];
    });
    if (evidence.length === 0) return [];
    const fix = byHand(
      'find out what sends it; pods that need VXLAN out of the cluster need masquerade.vxlan: on',
      'weft events --kind traffic-refused',
      'nft list table inet weft',
    );
    return [found(finds, 'traffic-refused', evidence, fix)];
  },
};
