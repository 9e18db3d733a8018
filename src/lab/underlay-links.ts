/**
 * The underlay of a lab as `ip -batch` input: one bridge in the switch's namespace, one veth pair to each node and to
 * the world. Pure. Devices are born in the namespace where they belong; none is ever seen in the machine's own.
 */
import { bareAddress, namespacesOf } from './topology.ts';
import type { LabPlan, NodePlan } from './topology.ts';

/** Lines for `ip -batch`, all to be run in one namespace; `undefined` is the one of the caller. */
export interface LinkBatch {
  readonly netns: string | undefined;
  readonly lines: readonly string[];
}

/** Name of the switch's port to the world. The port to a node has the node's name. */
export const WORLD_PORT = 'world';

/** The interface of nodes and the world on the underlay. */
export const UNDERLAY_DEVICE = 'eth0';

const BRIDGE = 'br0';

/** Batches that make the namespaces and the underlay, in order. */
export function underlayBatches(plan: LabPlan): LinkBatch[] {
  return [
    { netns: undefined, lines: [...namespacesOf(plan).map((netns) => `netns add ${netns}`), ...vethLines(plan)] },
    { netns: plan.switchNetns, lines: switchLines(plan) },
    { netns: plan.world.netns, lines: worldLines(plan) },
    ...plan.nodes.map((node) => ({ netns: node.netns, lines: nodeLines(plan, node) })),
    ...plan.nodes.flatMap((node) => node.pods.map((pod) => ({ netns: pod.netns, lines: ['link set lo up'] }))),
  ];
}

/** Every end of every underlay link: where offloads have to go for `--plain-underlay`. */
export function underlayEnds(plan: LabPlan): { readonly netns: string; readonly device: string }[] {
  return ports(plan).flatMap(({ port, netns }) => [
    { netns: plan.switchNetns, device: port },
    { netns, device: UNDERLAY_DEVICE },
  ]);
}

function ports(plan: LabPlan): { port: string; netns: string }[] {
  return [
    ...plan.nodes.map((node) => ({ port: node.name, netns: node.netns })),
    { port: WORLD_PORT, netns: plan.world.netns },
  ];
}

function vethLines(plan: LabPlan): string[] {
  const mtu = plan.spec.underlayMtuBytes;
  return ports(plan).map(
    ({ port, netns }) =>
      `link add name ${port} netns ${plan.switchNetns} mtu ${mtu} type veth peer name ${UNDERLAY_DEVICE} netns ${netns} mtu ${mtu}`,
  );
}

function switchLines(plan: LabPlan): string[] {
  return [
    // Snooping without a querier would only delay the neighbour discovery of a young link.
    `link add name ${BRIDGE} mtu ${plan.spec.underlayMtuBytes} type bridge mcast_snooping 0`,
    `link set ${BRIDGE} addrgenmode none up`,
    ...ports(plan).map(({ port }) => `link set ${port} master ${BRIDGE} addrgenmode none up`),
  ];
}

function worldLines(plan: LabPlan): string[] {
  return [
    'link set lo up',
    ...plan.world.outsideAddresses.map((address) => `address add ${address} dev lo`),
    ...deviceLines(plan.world.gatewayAddresses),
  ];
}

function nodeLines(plan: LabPlan, node: NodePlan): string[] {
  const gateways = plan.world.gatewayAddresses.map(bareAddress);
  return ['link set lo up', ...deviceLines(node.underlayAddresses), ...gateways.map(gatewayLine)];
}

function deviceLines(addresses: readonly string[]): string[] {
  return [`link set ${UNDERLAY_DEVICE} up`, ...addresses.map(addressLine)];
}

/** Gives the node an address, with its prefix length. */
export function addressLine(address: string): string {
  // Nobody else has it: without nodad the first second of IPv6 traffic would be lost.
  return `address add ${address} dev ${UNDERLAY_DEVICE}${address.includes(':') ? ' nodad' : ''}`;
}

/** Makes `gateway` the way to everything else. */
export function gatewayLine(gateway: string): string {
  return `route replace default via ${gateway} dev ${UNDERLAY_DEVICE}`;
}
