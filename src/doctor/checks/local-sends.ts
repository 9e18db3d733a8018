/** Whether this node's own kernel lets out what weft sends: what it refuses (EPERM) never was on the underlay. */
import { byHand, type DaemonCheck, type FindingKinds, found } from '../check.ts';

const finds: FindingKinds = {
  'send-refused': {
    severity: 'error',
    title: "this node's own kernel does not let out what weft sends to other nodes",
    cause:
      'a firewall rule in the OUTPUT chain of this node, a prohibit route, or a full table of connections (conntrack)',
    follows: ['firewall-drops', 'firewall-closed'],
  },
};

/** Each is what a send was answered with EPERM or EACCES for. */
const reasons: Readonly<Record<string, string>> = {
  'send-forbidden': 'packets of pods and probes',
  'relay-send-forbidden': 'packets passed on for other nodes',
  'gossip-send-forbidden': 'datagrams of gossip',
};

export const localSends: DaemonCheck = {
  subject: 'what this node sends, let out by its own kernel',
  needs: 'daemon',
  finds,
  look: ({ daemon: { recent } }) => {
    const evidence = Object.entries(reasons).flatMap(([reason, what]) => {
      const packets = recent.dropped[reason] ?? 0;
      if (packets === 0) return [];
      return [`in the last ${recent.seconds} s the kernel of this node refused to send ${packets} ${what} (${reason})`];
    });
    if (evidence.length === 0) return [];
    const fix = byHand(
      'look at the rules for what leaves this node, and at how many connections are tracked: data is not, but gossip is',
      'nft list ruleset',
      'iptables -S OUTPUT',
      'sysctl net.netfilter.nf_conntrack_count net.netfilter.nf_conntrack_max',
    );
    return [found(finds, 'send-refused', evidence, fix)];
  },
};
