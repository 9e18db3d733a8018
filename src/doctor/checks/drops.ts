/** Packets that weft drops: whichever reason rises is a finding here, or in another check, or harmless for a reason that is said. */
import { dropReasons } from '../../dataplane/drop-reason.ts';
import { kernelDropReasons } from '../../dataplane/kernel-drop-reasons.ts';
import { byHand, found, type DaemonCheck, type FindingKind } from '../check.ts';
import type { RecentFacts } from '../facts.ts';
import type { Finding } from '../finding.ts';

/** A finding that drops bring about. */
interface DropFinding extends FindingKind {
  /** Those that count for it, together. */
  readonly reasons: readonly string[];
  /** So many of late are a finding: for a moment, while news of a change spreads, a few are none. */
  readonly least: number;
  /** Without it, that of the reason that rises most. */
  readonly remedy?: string;
}

const FEW = 5;
/** What load brings about, or what is ordinary now and then. */
const MANY = 100;

/** While one of these lasts, packets have nowhere to go. */
const outages: readonly string[] = [
  'node-dead',
  'path-cut',
  'vxlan-eaten',
  'vni-mismatch',
  'underlay-lost',
  'underlay-wrong-interface',
  'firewall-drops',
  'firewall-closed',
  'send-refused',
  'kernel-state-missing',
  'faults-injected',
  'gossip-alone',
];
const claims: readonly string[] = ['identity-contested', 'name-taken', 'endpoint-taken', 'prefix-overlap', 'mac-taken'];
/** A bit that falls over may be one of an address, of the VNI, or of what is asked of the receiver. */
const damages: readonly string[] = ['offload-corrupts', 'faults-injected'];

const kinds: Readonly<Record<string, DropFinding>> = {
  'remote-checksum-not-agreed': {
    severity: 'error',
    title:
      'TCP and UDP of a static peer are dropped, and ICMP passes: it leaves checksums to this node, which did not agree',
    cause: 'the vxlan device of the peer was made with remcsumtx (VXLAN Remote Checksum Offload)',
    reasons: ['remote-checksum-not-agreed'],
    least: 1,
    follows: damages,
    remedy: 'make the vxlan device of that peer again without remcsumtx: it cannot be changed afterwards',
  },
  'peer-sends-no-ip': {
    severity: 'warning',
    title: 'frames of another node that carry no IP are dropped: it may wait for an answer in vain',
    cause: 'a static peer that asks by ARP, or sends VLAN tags',
    reasons: ['inner-ethertype'],
    least: FEW,
    follows: damages,
  },
  'peer-sends-wrong-mac': {
    severity: 'warning',
    title: 'frames of another node are for a MAC address that is not this node, and are dropped',
    cause: 'the neighbour or forwarding entry of a static peer is outdated, or it floods',
    reasons: ['inner-wrong-mac'],
    least: FEW,
    follows: [...claims, ...damages],
  },
  'broken-packets-received': {
    severity: 'warning',
    title: 'packets arrive from another node that contradict themselves, and are dropped',
    cause: 'a broken or hostile sender, or an underlay that cuts or damages datagrams',
    reasons: [
      'inner-ethernet-truncated',
      'inner-not-ip',
      'inner-truncated',
      'inner-bad-length',
      'inner-bad-extensions',
      'datagram-malformed-gro',
    ],
    least: FEW,
    follows: damages,
  },
  'not-vxlan-received': {
    severity: 'warning',
    title: 'something that is no VXLAN arrives at the port of VXLAN, and is dropped',
    cause: 'a scanner, or a wrong port in a configuration',
    reasons: ['vxlan-truncated', 'vxlan-no-vni'],
    least: FEW,
    follows: damages,
  },
  'broken-packets-sent': {
    severity: 'warning',
    title: 'packets leave this node or its pods that contradict themselves, and are dropped',
    cause: 'a program that makes packets itself: a raw or packet socket',
    reasons: ['packet-not-ip', 'packet-truncated', 'packet-bad-length', 'packet-bad-extensions', 'offload-malformed'],
    least: FEW,
  },
  'pod-spoofs-source': {
    severity: 'warning',
    title: 'a pod of this node sends under addresses that are not its own, and the kernel drops those packets',
    cause: kernelDropReasons[0].cause,
    reasons: [kernelDropReasons[0].name],
    least: FEW,
  },
  'segments-tiny': {
    severity: 'warning',
    title: 'super-packets of a pod are dropped, as they would become too many packets',
    cause: 'an application that sends segments of a few bytes in super-packets',
    reasons: ['too-many-segments'],
    least: FEW,
  },
  'nobody-there': {
    severity: 'warning',
    title: 'pods of this node send to addresses of the overlay that nobody has: those packets are dropped',
    cause: 'a pod or a node that is gone, or has not joined yet; or a name that still leads there',
    reasons: ['no-route', 'destination-local'],
    least: FEW,
    follows: [...outages, ...claims, 'too-many-routes', 'outside-cluster', 'no-data-endpoint'],
  },
  'destination-elsewhere': {
    severity: 'warning',
    title: 'other nodes send packets here that are for elsewhere, and are dropped',
    cause: 'another node, or a static peer, has other routes than this one',
    reasons: ['destination-not-ours'],
    least: FEW,
    follows: [...claims, ...damages],
  },
  'underlay-unreachable': {
    severity: 'error',
    title: 'packets are dropped, as the kernel has no way to the node that they are for',
    cause: 'a link or route of the underlay is down, or the underlay address is gone',
    reasons: ['underlay-unreachable', 'relay-underlay-unreachable'],
    least: FEW,
    follows: outages,
  },
  'send-overflow': {
    severity: 'warning',
    title: 'packets are dropped, as the kernel had no room for them',
    cause: 'more traffic than the underlay, or this node, takes',
    reasons: ['send-buffer-full', 'relay-send-buffer-full', 'tun-buffer-full'],
    least: MANY,
  },
  'datagrams-too-big': {
    severity: 'error',
    title: 'packets are dropped, as they are larger than the device of the underlay carries',
    cause: 'the MTU of that device was lowered while the daemon runs',
    reasons: ['datagram-too-big', 'relay-too-big'],
    least: FEW,
    follows: ['underlay-mtu-too-large', 'underlay-mtu-changed', 'path-mtu-small', 'faults-injected'],
  },
  'icmp-errors-ignored': {
    severity: 'warning',
    title: 'a pod goes on sending packets that are too big for the way, though it is told',
    cause: 'a firewall in the pod or on this node that drops ICMP errors, or an application that does not heed them',
    reasons: ['packet-too-big'],
    least: MANY,
    follows: ['accept-local-off', 'rp-filter-strict'],
  },
  'ipv6-too-big': {
    severity: 'error',
    title: 'IPv6 packets of up to 1280 bytes do not fit on the way to another node, and are dropped',
    cause: 'a path smaller than IPv6 allows, and outer fragments that are turned off or not permitted (NET_RAW)',
    reasons: ['overlay-below-ipv6-minimum'],
    least: 1,
  },
  'tun-refuses': {
    severity: 'error',
    title:
      'the kernel does not take packets from weft at its TUN device, or hands it some that weft did not offer to take',
    cause: 'somebody set the device down or changed it, or a kernel that weft does not know',
    reasons: ['tun-down', 'tun-rejected', 'tun-write-failed', 'icmp-error-undelivered', 'offload-unsupported'],
    least: FEW,
    follows: ['kernel-state-missing'],
  },
  'send-failed': {
    severity: 'error',
    title: 'packets are dropped for an error of the kernel that weft does not know',
    cause: 'the log of the daemon names the error',
    reasons: ['send-failed', 'relay-send-failed'],
    least: 1,
  },
  'relay-refused': {
    severity: 'warning',
    title: 'packets that other nodes want to be passed on are dropped here',
    cause:
      'relaying was turned off, or the nodes do not agree on who reaches whom: for more than a moment, something is wrong',
    reasons: ['relay-not-announced', 'relay-off', 'relayed-twice', 'relay-target-unknown', 'relay-target-unreachable'],
    least: FEW,
    follows: [...outages, ...claims, ...damages],
  },
  'underlay-congested': {
    severity: 'warning',
    title:
      'the underlay is congested, and marks packets of senders that do not understand the mark: they are dropped for it',
    cause: 'a queue on the way that is too full; in place of the mark, the loss tells the sender to slow down',
    reasons: ['congestion-not-expected'],
    least: FEW,
  },
};

/** Reasons that are no sign of anything wrong, and why. */
export const harmlessDrops: Readonly<Record<string, string>> = {
  'destination-not-unicast':
    'the overlay carries unicast only: service discovery of programs ends here, and they know how to live with it',
  'policy-denied': 'it is what policies are for, and explain says which one it is',
  'node-link-control': 'the kernel talks to a link on which nobody is',
  ...Object.fromEntries(
    dropReasons
      .filter(({ name }) => name.startsWith('fault-'))
      .map(({ name }) => [
        name,
        'somebody injected it on purpose, and faults-injected says so for as long as it lasts',
      ]),
  ),
};

export const drops: DaemonCheck = {
  subject: 'packets that were dropped of late, whatever the reason',
  needs: 'daemon',
  finds: kinds,
  look: ({ daemon: { recent } }) => Object.keys(kinds).flatMap((id) => findingOf(id, recent)),
};

function findingOf(id: string, recent: RecentFacts): Finding[] {
  const { reasons, least, remedy } = kinds[id]!;
  const counts = reasons
    .map((reason) => ({ reason, packets: recent.dropped[reason] ?? 0 }))
    .filter(({ packets }) => packets > 0)
    .sort((a, b) => b.packets - a.packets);
  const [most] = counts;
  if (most === undefined || counts.reduce((sum, { packets }) => sum + packets, 0) < least) return [];
  const evidence = counts.flatMap(({ reason, packets }) => dropEvidence(reason, packets, recent));
  const fix = byHand(remedy ?? remedyOf(most.reason), 'weft drops', `weft explain drop ${most.reason}`);
  return [found(kinds, id, evidence, fix)];
}

/** How many, and some of them. */
export function dropEvidence(reason: string, packets: number, { seconds, examples }: RecentFacts): string[] {
  const some = examples[reason] ?? [];
  return [
    `${packets} packets in the last ${seconds} s were dropped as ${reason}`,
    ...(some.length === 0 ? [] : [`of the last: ${some.join('; ')}`]),
  ];
}

/** As the list of drop reasons has it. */
export function remedyOf(reason: string): string {
  return [...dropReasons, ...kernelDropReasons].find(({ name }) => name === reason)!.remedy;
}
