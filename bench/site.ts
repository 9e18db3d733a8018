/**
 * What every rival gets, the same for all: two nodes with one pod each, in network namespaces of their own.
 *
 *     pod a --veth-- node a --veth, MTU 1500-- node b --veth-- pod b
 *
 * All rivals stay up side by side, each at a site of its own, and traffic flows at one site at a time. Instead of: starting
 * and stopping them in each round. Because: a daemon that has just been started is not what runs for months (compiled code,
 * warm caches, established sessions), and an idle one costs well below one per cent of a core, which is itself measured.
 */
import { runCommand } from '../src/linux/command.ts';
import { removeNamespaces, runName } from './leftovers.ts';

/** Underlay MTU, that of Ethernet. */
export const UNDERLAY_MTU_BYTES = 1500;

/** Everything that the pods are in. */
export const CLUSTER_PREFIX = '10.244.0.0/16';

/** A node and its pod. */
export interface BenchNode {
  readonly name: 'a' | 'b';
  readonly netns: string;
  readonly underlayAddress: string;
  readonly podNetns: string;
  readonly podPrefix: string;
  /** First of the prefix; the node's own. */
  readonly nodeAddress: string;
  readonly podAddress: string;
}

/** Between which pods traffic goes: from a to b. */
export interface Ends {
  readonly a: Pick<BenchNode, 'podNetns'>;
  readonly b: Pick<BenchNode, 'podNetns' | 'podAddress'>;
}

/** A pair of nodes. */
export class Site {
  readonly name: string;
  readonly a: BenchNode;
  readonly b: BenchNode;

  /** @param name of the site, unique in this run. */
  constructor(name: string) {
    this.name = name;
    this.a = planNode(name, 'a', 1);
    this.b = planNode(name, 'b', 2);
  }

  get nodes(): readonly [BenchNode, BenchNode] {
    return [this.a, this.b];
  }

  /** Makes the namespaces and the underlay. The pods are empty still: connecting them is the rival's part. */
  async create(): Promise<void> {
    const { a, b } = this;
    const lines = [
      ...this.nodes.flatMap(({ netns, podNetns }) => [`netns add ${netns}`, `netns add ${podNetns}`]),
      `link add name eth0 netns ${a.netns} mtu ${UNDERLAY_MTU_BYTES} type veth peer name eth0 netns ${b.netns} mtu ${UNDERLAY_MTU_BYTES}`,
    ];
    await ip(lines);
    for (const node of this.nodes) {
      await ip(
        ['link set lo up', `address add ${node.underlayAddress}/24 dev eth0`, 'link set eth0 addrgenmode none up'],
        node.netns,
      );
      await ip(['link set lo up'], node.podNetns);
    }
  }

  /** Removes the namespaces, and with them every device in them. Whatever is missing is not missed. */
  async remove(): Promise<void> {
    for (const { netns, podNetns } of this.nodes) await removeNamespaces([podNetns, netns]);
  }
}

/**
 * Connects a node's pod as weft does: addresses without a subnet, everything through the node. The pod's device takes
 * packets of up to `mtuBytes`.
 */
export async function connectPod(node: BenchNode, mtuBytes: number): Promise<void> {
  await ip(
    [
      `link add name pod mtu ${mtuBytes} type veth peer name eth0 netns ${node.podNetns} mtu ${mtuBytes}`,
      'address add 169.254.1.1/32 dev pod',
      'link set pod addrgenmode none up',
      `address add ${node.nodeAddress}/32 dev lo`,
      `route add ${node.podAddress}/32 dev pod src ${node.nodeAddress}`,
    ],
    node.netns,
  );
  await ip(
    [
      `address add ${node.podAddress}/32 dev eth0`,
      'link set eth0 addrgenmode none up',
      'route add 169.254.1.1/32 dev eth0 scope link',
      'route add default via 169.254.1.1 dev eth0',
    ],
    node.podNetns,
  );
  await runCommand(['sysctl', '-qw', 'net.ipv4.ip_forward=1'], {
    purpose: 'let a node forward',
    netns: `/run/netns/${node.netns}`,
  });
}

/** Runs lines of `ip -batch`, in `netns` if given. */
export async function ip(lines: readonly string[], netns?: string): Promise<void> {
  await runCommand(['ip', '-batch', '-'], {
    purpose: 'build the benchmark lab',
    input: `${lines.join('\n')}\n`,
    ...(netns === undefined ? {} : { netns: `/run/netns/${netns}` }),
  });
}

function planNode(site: string, name: 'a' | 'b', index: number): BenchNode {
  const netns = `${runName()}-${site}-${name}`;
  return {
    name,
    netns,
    underlayAddress: `198.18.0.${index}`,
    podNetns: `${netns}-pod`,
    podPrefix: `10.244.${index}.0/24`,
    nodeAddress: `10.244.${index}.1`,
    podAddress: `10.244.${index}.2`,
  };
}
