/**
 * The kernel's own vxlan device, set up as flannel's vxlan backend does it: no learning, one static neighbour and one
 * forwarding entry per peer, one route per prefix. What the others are compared with.
 */
import { release, version } from 'node:os';
import { runCommand } from '../../src/linux/command.ts';
import type { Rival, RivalLabel, RunningRival } from '../rival.ts';
import { connectPod, ip, UNDERLAY_MTU_BYTES, type BenchNode, type Site } from '../site.ts';

/** Outer IPv4, UDP, VXLAN and inner Ethernet headers (RFC 7348, section 5). */
const OVERHEAD_BYTES = 50;

const macs = { a: '02:00:00:00:00:0a', b: '02:00:00:00:00:0b' } as const;

export const kernelVxlan: Rival = {
  name: 'kernel-vxlan',
  title: 'kernel vxlan',
  async label(): Promise<RivalLabel> {
    const year = Number(/\b(20\d\d)\b/.exec(version())?.[1] ?? new Date().getFullYear());
    return { version: release().replace(/-.*/, ''), year, encrypts: false };
  },
  async start(site: Site): Promise<RunningRival> {
    await connect(site.a, site.b);
    await connect(site.b, site.a);
    return { daemonPids: [], stop: async () => {} };
  },
};

async function connect(node: BenchNode, peer: BenchNode): Promise<void> {
  const mtuBytes = UNDERLAY_MTU_BYTES - OVERHEAD_BYTES;
  await connectPod(node, mtuBytes);
  await ip(
    [
      `link add vxlan0 address ${macs[node.name]} mtu ${mtuBytes} type vxlan id 42 dstport 4789 local ${node.underlayAddress} dev eth0 nolearning`,
      'link set vxlan0 addrgenmode none up',
      `neighbor replace ${peer.nodeAddress} lladdr ${macs[peer.name]} dev vxlan0 nud permanent`,
      `route add ${peer.podPrefix} via ${peer.nodeAddress} dev vxlan0 onlink src ${node.nodeAddress}`,
    ],
    node.netns,
  );
  await bridge(node, `fdb append ${macs[peer.name]} dev vxlan0 dst ${peer.underlayAddress}`);
}

async function bridge(node: BenchNode, line: string): Promise<void> {
  await runCommand(['bridge', ...line.split(' ')], {
    purpose: 'add a forwarding entry of the vxlan device',
    netns: `/run/netns/${node.netns}`,
  });
}
