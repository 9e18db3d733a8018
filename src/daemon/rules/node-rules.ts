/**
 * What is in the node's own nftables table, `inet weft`. One chain per hook, as each costs every packet some tens of nanoseconds:
 *
 *     early           prerouting    no pod reaches 127/8 of the node, even where route_localnet is on; and data of nodes is no
 *                                   connection: a full table of connections does not end the overlay
 *     untracked-out   output        the same, on its way out
 *     to-node         input         this node's ports: not from pods, and under a node's address only from where that node is. Pods do
 *                                   not reach the metrics over an overlay address, unless they are there for that; names are
 *                                   for pods and this node, each pod so many packets a second
 *     through         forward       other nodes' ports: only from nodes
 *     pod-icmp        (from both)   a pod is no router, and tells nodes nothing of paths between them
 *     masqueraded     postrouting   what leaves under this node's address, and is not its own, goes to no port of VXLAN
 *     leaving         postrouting   (nat) the addresses under which packets leave the cluster, and enter the overlay
 *
 * Why: nodes believe VXLAN because of the address that it comes from, so whatever leaves under a node's address is taken for
 * its word. See docs/trust.md.
 *
 * Ports of fragments: connection tracking, which `masqueraded` asks for, puts fragments together at priority -400, before
 * every chain here.
 */
import { formatIpAddress, parseIpAddress, type Endpoint, type IpAddress } from '../../wire/address.ts';
import { formatPrefix, type Prefix } from '../../wire/prefix.ts';
import type { NftChainContent, NftSetContent, NftTableContent } from '../../linux/nft-table-content.ts';
import { NODE_TABLE } from '../../linux/nftables.ts';
import type { MasqueradeConfig } from '../config/config.ts';
import { POD_DEVICES, POD_GATEWAY } from '../host/pod-devices.ts';
import { nodeSetContents, type NodeSets } from './node-sets.ts';
import { DNS_PORT } from '../../names/resolver-configuration.ts';
import { VXLAN_PORT } from '../../wire/vxlan.ts';

/** What is counted, by the name of the counter in the table, which is API. */
export const ruleCounters = {
  'not-from-a-node': 'packets to the data or gossip port of a node, from what is no node',
  'masqueraded-vxlan': "packets to a VXLAN port outside of the cluster, that would have left under this node's address",
  'pod-to-loopback': 'packets of pods to a loopback address of this node',
  'pod-to-metrics': 'packets of pods to the metrics of this node, over its overlay address',
  'pod-as-router': 'router advertisements and redirects of pods, and their ICMP errors to underlay addresses of nodes',
  'names-from-outside': 'packets to the names of this node (port 53) from neither the overlay nor the node itself',
  'names-flood': 'packets of pods to the names of this node, more than each may send in a second',
  'into-overlay':
    "connections into the overlay that got this node's overlay address, as their own is none of this node",
} as const;

export type RuleCounter = keyof typeof ruleCounters;

/** What is counted as refused. */
export type Refusal = Exclude<RuleCounter, 'into-overlay'>;

export const refusals = Object.keys(ruleCounters).filter((name): name is Refusal => name !== 'into-overlay');

/** A part of nftables that some kernels lack. */
export type RuleFeature = 'fib' | 'nat';

/** Ports that VXLAN uses: that of RFC 7348, and the one that Linux has by default. */
const VXLAN_PORTS = [VXLAN_PORT, 8_472];

/** Devices and pairs of addresses whose packets were refused, as many as are remembered: no pod fills more of the kernel's memory. */
const MAX_REFUSED = 1_024;

/** How long a sender is remembered after its last packet. */
const REFUSED_TIMEOUT = '10m';

/**
 * Packets that each pod may send to the names of its node, per second and at once: more than the daemon answers in a second. What is
 * beyond would fill the socket that all pods share, and so keep the others from being heard. Pods of other nodes count as one.
 */
const NAMES_RATE = 'limit rate over 1000/second burst 250 packets';

/** What the rules are made from. None of it changes while a daemon runs; what does is in sets, see `node-sets.ts`. */
export interface NodeRulesOptions {
  readonly tunDevice: string;
  readonly vxlanPort: number;
  readonly clusterPrefixes: readonly Prefix[];
  /** One in each node prefix. */
  readonly nodeAddresses: readonly IpAddress[];
  /** Where metrics are served; `undefined`: nowhere. */
  readonly metrics: Endpoint | undefined;
  /** Whether names are answered here. */
  readonly names: boolean;
  readonly masquerade: MasqueradeConfig;
}

/** Before a look at the device: most packets are of another protocol. */
const fromPodIcmp = `meta l4proto { icmp, icmpv6 } iifname "${POD_DEVICES}" jump pod-icmp`;

/** Sets of who was refused, for events. The kernel fills them: devices, and pairs of addresses behind each. */
export const REFUSED_SETS = ['refusedby', 'refused4', 'refused6'] as const;

/** All of the table. */
export function nodeTable(
  options: NodeRulesOptions,
  sets: NodeSets,
  without: ReadonlySet<RuleFeature> = new Set(),
): NftTableContent {
  return {
    table: NODE_TABLE,
    counters: Object.keys(ruleCounters),
    sets: {
      ...nodeSetContents(sets),
      // Full, they take no more: hence the rule that drops is one of its own. A pod that tries every address fills those of
      // pairs, but never the one of devices, and so hides nobody.
      asking: { type: 'ifname', details: 'size 65536; flags dynamic,timeout; timeout 1m;' },
      refusedby: refusedSet(['ifname']),
      refused4: refusedSet(['ifname', 'ipv4_addr', 'ipv4_addr']),
      refused6: refusedSet(['ifname', 'ipv6_addr', 'ipv6_addr']),
    },
    chains: nodeChains(options, without),
  };
}

type NamedChain = readonly [name: string, content: NftChainContent];

function nodeChains(options: NodeRulesOptions, without: ReadonlySet<RuleFeature>): NftTableContent['chains'] {
  const { tunDevice, vxlanPort } = options;
  const fromPods = [`iifname "${POD_DEVICES}"`, `iifname "${tunDevice}"`];
  const chains: NamedChain[] = [
    chain('refuse', [
      'update @refusedby { iifname }',
      'update @refused4 { iifname . ip saddr . ip daddr }',
      'update @refused6 { iifname . ip6 saddr . ip6 daddr }',
      'drop',
    ]),
    chain('no-node', ['counter name not-from-a-node goto refuse']),

    // One chain for each hook, and cheap questions first: each packet between pods passes here twice on its way.
    base('early', 'filter hook prerouting priority raw', [
      'ip daddr 127.0.0.0/8 jump loopback',
      'ip6 daddr ::1 jump loopback',
      `udp dport ${vxlanPort} goto own-data`,
    ]),
    chain(
      'loopback',
      fromPods.map((from) => `${from} counter name pod-to-loopback goto refuse`),
    ),
    chain('own-data', ['ip daddr @own4 notrack', 'ip6 daddr @own6 notrack']),
    base('untracked-out', 'filter hook output priority raw', [
      'ip daddr . udp dport @data4 notrack',
      'ip6 daddr . udp dport @data6 notrack',
    ]),

    chain('pod-icmp', [
      'icmpv6 type { nd-router-advert, nd-redirect } counter name pod-as-router goto refuse',
      'icmp type redirect counter name pod-as-router goto refuse',
      // The kernel takes an error for true whoever sends it: by what it quotes, it would lower the path MTU to another node.
      'ip daddr @node4 icmp type { destination-unreachable, time-exceeded, parameter-problem } counter name pod-as-router goto refuse',
      'ip6 daddr @node6 icmpv6 type { destination-unreachable, packet-too-big, time-exceeded, parameter-problem } counter name pod-as-router goto refuse',
    ]),

    base('to-node', 'filter hook input priority filter - 10', [
      fromPodIcmp,
      ...metricsRules(options, fromPods),
      ...toPorts('own-port', 'own-port'),
      // After the data of nodes, which has gone by then.
      ...namesRules(options),
    ]),
    chain('names-port', [
      'iifname "lo" return',
      `iifname != "${POD_DEVICES}" iifname != "${tunDevice}" counter name names-from-outside goto refuse`,
      `update @asking { iifname ${NAMES_RATE} } counter name names-flood drop`,
    ]),
    chain('own-port', [
      'iifname "lo" return',
      ...fromPods.map((from) => `${from} goto no-node`),
      // Of one that is no node, the dataplane and gossip decide: it may be about to join.
      ...throughItsDevice(without),
    ]),

    base('through', 'filter hook forward priority filter - 10', [
      fromPodIcmp,
      // Pods send each other what they like, VXLAN included; and no node is behind a pod's device.
      `oifname "${tunDevice}" accept`,
      `oifname "${POD_DEVICES}" accept`,
      ...toPorts('node-port', 'node-gossip-port'),
      ...(options.masquerade.vxlan ? [] : podVxlanRules(options)),
    ]),
    chain('node-port', [
      ...fromPods.map((from) => `${from} goto no-node`),
      'ip saddr != @node4 goto no-node',
      'ip6 saddr != @node6 goto no-node',
      ...throughItsDevice(without),
    ]),
    chain('node-gossip-port', [
      ...fromPods.map((from) => `${from} goto no-node`),
      // A node that this one only routes for, and that is about to join. Under an address of this node it gets no further.
      'iifname @underlay return',
      'goto node-port',
    ]),

    // The kernel tells the input device here since 5.7; without it, no more than what `through` sees is refused.
    base('masqueraded', 'filter hook postrouting priority srcnat + 10', [
      'ct status snat ct direction original iif != 0 goto under-own-address',
    ]),
    chain('under-own-address', [
      ...toPorts('masqueraded-to-node', 'masqueraded-to-node'),
      ...(options.masquerade.vxlan ? [] : foreignVxlanRules(options)),
    ]),
    chain('masqueraded-to-node', [
      'ct original ip saddr @node4 return',
      'ct original ip6 saddr @node6 return',
      'counter name not-from-a-node goto refuse-masqueraded',
    ]),
    chain('refuse-masqueraded', [
      'update @refusedby { iifname }',
      'update @refused4 { iifname . ct original ip saddr . ip daddr }',
      'update @refused6 { iifname . ct original ip6 saddr . ip6 daddr }',
      'drop',
    ]),

    ...(without.has('nat') ? [] : [base('leaving', 'nat hook postrouting priority srcnat', masqueradeRules(options))]),
  ];
  return Object.fromEntries(chains);
}

/** Jumps for what is addressed to a node's data or gossip port. */
function toPorts(data: string, gossip: string): string[] {
  return [
    `ip daddr . udp dport @data4 goto ${data}`,
    `ip6 daddr . udp dport @data6 goto ${data}`,
    `meta l4proto { tcp, udp } ip daddr . th dport @gossip4 goto ${gossip}`,
    `meta l4proto { tcp, udp } ip6 daddr . th dport @gossip6 goto ${gossip}`,
  ];
}

/** An address is forged if no way to it leads through the device that it came by. The underlay's own device need not be asked about. */
function throughItsDevice(without: ReadonlySet<RuleFeature>): string[] {
  return without.has('fib') ? [] : ['iifname @underlay return', 'fib saddr . iif oif 0 goto no-node'];
}

/** Only where metrics are served at any address: at one that was chosen, they are where they are meant to be. */
function metricsRules({ metrics, nodeAddresses }: NodeRulesOptions, fromPods: readonly string[]): string[] {
  if (metrics === undefined || metrics.address.bytes.some((octet) => octet !== 0)) return [];
  // The gateway's address is the node's, too, on the device of each pod. `::` is IPv4 as well.
  const gateways = [parseIpAddress(POD_GATEWAY[4])!, parseIpAddress(POD_GATEWAY[6])!];
  const families = new Set(nodeAddresses.map(({ family }) => family));
  const served = [...nodeAddresses, ...gateways.filter(({ family }) => families.has(family))].filter(
    ({ family }) => family <= metrics.address.family,
  );
  return served.flatMap((address) =>
    fromPods.map((from) => {
      const destination = `${fieldOf(address.family)} daddr ${formatIpAddress(address)}`;
      return `${from} ${destination} tcp dport ${metrics.port} counter name pod-to-metrics goto refuse`;
    }),
  );
}

/** To the addresses at which names are answered, and no others: the node may have a server of its own. */
function namesRules({ names, nodeAddresses }: NodeRulesOptions): string[] {
  if (!names) return [];
  return ([4, 6] as const).map((family) => {
    const own = nodeAddresses.filter((address) => address.family === family).map(formatIpAddress);
    const served = [POD_GATEWAY[family], ...own].join(', ');
    return `meta l4proto { tcp, udp } ${fieldOf(family)} daddr { ${served} } th dport ${DNS_PORT} goto names-port`;
  });
}

/** Pods' own, which is masqueraded for sure. */
function podVxlanRules({ vxlanPort, nodeAddresses, clusterPrefixes }: NodeRulesOptions): string[] {
  return perFamily(nodeAddresses, clusterPrefixes, (field, own, cluster) => [
    `${field} saddr ${own} ${field} daddr != ${cluster} udp dport ${vxlanPorts(vxlanPort)} counter name masqueraded-vxlan goto refuse`,
  ]);
}

/** What others masquerade. */
function foreignVxlanRules({ vxlanPort, clusterPrefixes }: NodeRulesOptions): string[] {
  return ([4, 6] as const).map((family) => {
    const cluster = prefixSet(clusterPrefixes, family);
    const outside = cluster === '' ? `meta nfproto ipv${family}` : `${fieldOf(family)} daddr != ${cluster}`;
    return `${outside} udp dport ${vxlanPorts(vxlanPort)} counter name masqueraded-vxlan goto refuse-masqueraded`;
  });
}

/** Pods leave the cluster with the node's own address; within it, everybody sees whom they talk to. */
function masqueradeRules({ tunDevice, clusterPrefixes, nodeAddresses, masquerade }: NodeRulesOptions): string[] {
  const intoOverlay = perFamily(nodeAddresses, clusterPrefixes, (field, own, cluster, address) => {
    const isOther = `oifname "${tunDevice}" ${field} saddr != ${own} ${field} daddr ${cluster}`;
    return [`${isOther} counter name into-overlay snat ${field} to ${formatIpAddress(address)}`];
  });
  return [
    ...(masquerade.intoOverlay
      ? // Of what a pod sends under an address that is not its own, nobody is to think that the node said it.
        [`oifname "${tunDevice}" iifname "${POD_DEVICES}" accept`, ...intoOverlay]
      : []),
    `oifname "${tunDevice}" accept`,
    ...perFamily(nodeAddresses, clusterPrefixes, (field, own, cluster) => [
      `${field} saddr ${own} ${field} daddr != ${cluster} masquerade`,
    ]),
  ];
}

/** For each family that this node has: the set of its prefixes, the cluster's, and the node's first address. */
function perFamily(
  nodeAddresses: readonly IpAddress[],
  clusterPrefixes: readonly Prefix[],
  rules: (field: 'ip' | 'ip6', own: string, cluster: string, address: IpAddress) => readonly string[],
): string[] {
  return ([4, 6] as const).flatMap((family) => {
    const address = nodeAddresses.find((one) => one.family === family);
    const cluster = prefixSet(clusterPrefixes, family);
    return address === undefined || cluster === '' ? [] : rules(fieldOf(family), `@prefix${family}`, cluster, address);
  });
}

function refusedSet(types: readonly string[]): NftSetContent {
  const details = `size ${MAX_REFUSED}; flags dynamic,timeout; timeout ${REFUSED_TIMEOUT}; counter;`;
  return { type: types.join(' . '), details };
}

function chain(name: string, rules: readonly string[]): NamedChain {
  return [name, { rules }];
}

function base(name: string, hook: string, rules: readonly string[]): NamedChain {
  return [name, { hook: `type ${hook}; policy accept;`, rules }];
}

function vxlanPorts(own: number): string {
  return `{ ${[...new Set([...VXLAN_PORTS, own])].join(', ')} }`;
}

/** Empty if there is none of this family. */
function prefixSet(prefixes: readonly Prefix[], family: 4 | 6): string {
  const texts = prefixes.filter(({ address }) => address.family === family).map(formatPrefix);
  return texts.length === 0 ? '' : `{ ${texts.join(', ')} }`;
}

function fieldOf(family: 4 | 6): 'ip' | 'ip6' {
  return family === 4 ? 'ip' : 'ip6';
}
