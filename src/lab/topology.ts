/**
 * What a lab is made of: names, addresses and prefixes. Pure; the same specification always gives the same lab.
 *
 * Every lab lives in network namespaces of its own, so all labs use the same addresses: the underlay is in
 * 198.18.0.0/15 (RFC 2544, set aside for benchmarks) and in fd00::/8 (RFC 4193), and nothing of it is seen outside.
 */
import { ConfigError } from '../errors.ts';
import type { LabSettings } from './settings.ts';
import { VXLAN_PORT } from '../wire/vxlan.ts';
import { IPV6_MIN_MTU } from '../wire/ipv6.ts';
import { OVERHEAD_BYTES } from '../dataplane/encapsulation.ts';

/** What a person asks for. */
export interface LabSpec {
  readonly name: string;
  readonly nodes: number;
  readonly podsPerNode: number;
  readonly underlayMtuBytes: number;
  /** The underlay has no IPv4 at all. */
  readonly ipv6Underlay: boolean;
  /** Offloads are off on the underlay links, so that a capture there shows single, complete packets. */
  readonly plainUnderlay: boolean;
  /** Configuration keys of all nodes. */
  readonly settings: LabSettings;
}

/** A pod before it has addresses: its node's daemon leases them. */
export interface PodPlan {
  /** Name at its node: `p1`. */
  readonly name: string;
  readonly netns: string;
}

/** A node of a lab. */
export interface NodePlan {
  /** `n1`; also the name of its port on the switch. */
  readonly name: string;
  readonly netns: string;
  /** Addresses on the underlay with their prefix lengths; the first one carries the tunnels. */
  readonly underlayAddresses: readonly string[];
  /** Endpoint of its VXLAN socket. */
  readonly endpoint: string;
  readonly prefixes: readonly string[];
  /** Underlay addresses of other nodes, to join by. */
  readonly seeds: readonly string[];
  readonly pods: readonly PodPlan[];
}

/** A lab, down to the last name. */
export interface LabPlan {
  readonly spec: LabSpec;
  readonly clusterPrefixes: readonly string[];
  /** Namespace of the bridge that is the underlay. */
  readonly switchNetns: string;
  /** Everything that is not the cluster: the nodes' default gateway, and an address beyond it to talk to. */
  readonly world: {
    readonly netns: string;
    readonly gatewayAddresses: readonly string[];
    /** Addresses that only a default route leads to, with their prefix lengths. */
    readonly outsideAddresses: readonly string[];
  };
  readonly nodes: readonly NodePlan[];
}

/** Three digits in 10.244.N.0/24 end at 255; 0 and 255 stay free for static peers in tests. */
const MAX_NODES = 254;

/** Pods live in a /24 whose first address is the node's. */
const MAX_PODS_PER_NODE = 250;

/** Seeds in each node's configuration: one that is up is enough to join, three survive a cut. */
const MAX_SEEDS = 3;

/** What IPv6 asks for on every link, and what VXLAN adds to it. */
const MIN_UNDERLAY_MTU_BYTES = {
  ipv4: IPV6_MIN_MTU + OVERHEAD_BYTES[4],
  ipv6: IPV6_MIN_MTU + OVERHEAD_BYTES[6],
} as const;

/** Largest MTU that a veth pair takes. */
const MAX_UNDERLAY_MTU_BYTES = 65_535;

/** Short enough for the path of a Unix socket (107 bytes), and plain enough for a namespace and a shell. */
const LAB_NAME = /^[a-z][a-z0-9-]{0,31}$/;

/** Names and addresses of everything in the lab that `spec` asks for. @throws ConfigError naming the option. */
export function planLab(spec: LabSpec): LabPlan {
  checkSpec(spec);
  const indexes = Array.from({ length: spec.nodes }, (_, at) => at + 1);
  return {
    spec,
    clusterPrefixes: ['10.244.0.0/16', 'fd00:10:244::/48'],
    switchNetns: `${spec.name}-switch`,
    world: {
      netns: `${spec.name}-world`,
      gatewayAddresses: ofFamilies(spec, '198.18.255.254/16', 'fd00:198:18::ffff/64'),
      outsideAddresses: ofFamilies(spec, '198.19.255.1/32', 'fd00:198:19::1/128'),
    },
    nodes: indexes.map((index) => planNode(spec, index, indexes)),
  };
}

/** Whether the namespace `netns` belongs to the lab `labName`, by its name alone. */
export function isNamespaceOf(labName: string, netns: string): boolean {
  // A lab called "lab-n1" must not be taken for a part of the lab "lab".
  return (
    netns.startsWith(`${labName}-`) && /^(n[1-9]\d*(-p[1-9]\d*)?|world|switch)$/.test(netns.slice(labName.length + 1))
  );
}

/** All namespaces of a lab, the switch first. */
export function namespacesOf(plan: LabPlan): string[] {
  const inside = plan.nodes.flatMap((node) => [node.netns, ...node.pods.map((pod) => pod.netns)]);
  return [plan.switchNetns, plan.world.netns, ...inside];
}

/** The address of `addressWithLength` without its prefix length. */
export function bareAddress(addressWithLength: string): string {
  return addressWithLength.replace(/\/\d+$/, '');
}

function planNode(spec: LabSpec, index: number, indexes: readonly number[]): NodePlan {
  const name = `n${index}`;
  const netns = `${spec.name}-${name}`;
  const address = tunnelAddress(spec, index);
  return {
    name,
    netns,
    underlayAddresses: ofFamilies(spec, `198.18.0.${index}/16`, `fd00:198:18::${index}/64`),
    endpoint: spec.ipv6Underlay ? `[${address}]:${VXLAN_PORT}` : `${address}:${VXLAN_PORT}`,
    prefixes: [`10.244.${index}.0/24`, `fd00:10:244:${index}::/64`],
    seeds: indexes
      .filter((other) => other !== index)
      .slice(0, MAX_SEEDS)
      .map((other) => tunnelAddress(spec, other)),
    pods: Array.from({ length: spec.podsPerNode }, (_, at) => ({ name: `p${at + 1}`, netns: `${netns}-p${at + 1}` })),
  };
}

/** IPv6 addresses repeat the decimal index as text, so that node 12 ends in `::12`. */
function tunnelAddress(spec: LabSpec, index: number): string {
  return spec.ipv6Underlay ? `fd00:198:18::${index}` : `198.18.0.${index}`;
}

function ofFamilies(spec: LabSpec, ipv4: string, ipv6: string): string[] {
  return spec.ipv6Underlay ? [ipv6] : [ipv4, ipv6];
}

function checkSpec(spec: LabSpec): void {
  checkLabName(spec.name);
  checkRange('--nodes', spec.nodes, 1, MAX_NODES);
  checkRange('--pods', spec.podsPerNode, 0, MAX_PODS_PER_NODE);
  const minMtuBytes = spec.ipv6Underlay ? MIN_UNDERLAY_MTU_BYTES.ipv6 : MIN_UNDERLAY_MTU_BYTES.ipv4;
  checkRange('--underlay-mtu', spec.underlayMtuBytes, minMtuBytes, MAX_UNDERLAY_MTU_BYTES);
}

/** @throws ConfigError unless `name` can be a lab's name. */
export function checkLabName(name: string): void {
  if (LAB_NAME.test(name)) return;
  throw new ConfigError('--name', `"${name}" is not a lab name: a letter, then up to 31 of a-z, 0-9 and "-"`);
}

function checkRange(option: string, value: number, min: number, max: number): void {
  if (Number.isInteger(value) && value >= min && value <= max) return;
  throw new ConfigError(option, `${value} is not a whole number from ${min} to ${max}`);
}
