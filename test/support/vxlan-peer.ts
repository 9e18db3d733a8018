/**
 * A VTEP that is not weft: a namespace on the underlay of a lab with a Linux `vxlan` device and static entries. Behind it,
 * over a veth pair, is another namespace, as a pod would be.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { parse, stringify } from 'yaml';
import { runProgram } from './program.ts';
import type { TestLab } from './test-lab.ts';
import { until } from './until.ts';

/** Places that are added to the lab, and their overlay addresses. */
export const peerAddresses = {
  peer: { 4: '10.244.99.1', 6: 'fd00:10:244:99::1' },
  'peer-pod': { 4: '10.244.99.2', 6: 'fd00:10:244:99::2' },
} as const;

const UNDERLAY_ADDRESS = '198.18.0.99';
const PREFIXES = ['10.244.99.0/24', 'fd00:10:244:99::/64'];
const VXLAN_MAC = '02:00:5e:00:00:01';
const GATEWAY_MAC = '02:00:5e:00:00:02';
const POD_MAC = '02:00:5e:00:00:03';

/** Makes a kernel VTEP a static peer of `node`, whose daemon is restarted. To be removed by {@link detachVxlanPeer}. */
export async function attachVxlanPeer(lab: TestLab, node: string): Promise<void> {
  await addPlaces(lab);
  await configure(lab, 'peer', [`ip address add ${UNDERLAY_ADDRESS}/16 dev eth0`, 'ip link set eth0 up']);
  await addDevice(lab, node);
  await addPod(lab);
  await introduce(lab, node);
}

/** Makes the device of the peer again, with more options: `udpcsum remcsumtx`. */
export async function remakeVxlanDevice(lab: TestLab, node: string, options: string): Promise<void> {
  await configure(lab, 'peer', ['ip link del vx']);
  await addDevice(lab, node, ` ${options}`);
}

async function addDevice(lab: TestLab, node: string, options = ''): Promise<void> {
  const { nodes } = await lab.status();
  const { endpoint, prefixes } = nodes.find(({ name }) => name === node)!;
  const { tun } = await lab.control(node).status();
  await configure(lab, 'peer', [
    // Not a byte is sent to find anything out: no learning, no flooding, no ARP.
    `ip link add vx address ${VXLAN_MAC} mtu ${tun.mtuBytes} type vxlan id 42 local ${UNDERLAY_ADDRESS} dev eth0 dstport 4789 nolearning${options}`,
    'ip link set vx addrgenmode none up',
    `bridge fdb append ${tun.mac} dev vx dst ${endpoint.replace(/:\d+$/, '')}`,
    ...addressLines('peer', 'vx'),
    ...prefixes.map(gatewayOf).map((gateway) => `ip neigh add ${gateway} lladdr ${tun.mac} dev vx nud permanent`),
    ...prefixes.map((prefix) => `ip route add ${prefix} via ${gatewayOf(prefix)} dev vx onlink`),
  ]);
}

/** Removes the namespaces, whether they are there or not. */
export async function detachVxlanPeer(lab: TestLab): Promise<void> {
  for (const place of Object.keys(peerAddresses)) await runProgram(['ip', 'netns', 'del', `${lab.name}-${place}`]);
}

async function addPlaces(lab: TestLab): Promise<void> {
  for (const place of Object.keys(peerAddresses)) {
    await runProgram(['ip', 'netns', 'add', `${lab.name}-${place}`]);
    await lab.exec(place, 'ip', 'link', 'set', 'lo', 'up');
  }
  await configure(lab, 'switch', [
    `ip link add name peer type veth peer name eth0 netns ${lab.name}-peer`,
    'ip link set peer master br0 addrgenmode none up',
  ]);
}

async function addPod(lab: TestLab): Promise<void> {
  const gateways = Object.values(peerAddresses.peer);
  const addresses = Object.values(peerAddresses['peer-pod']);
  await configure(lab, 'peer', [
    `ip link add name veth0 address ${GATEWAY_MAC} type veth peer name eth0 netns ${lab.name}-peer-pod`,
    'ip link set veth0 addrgenmode none up',
    'sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1',
    // With checksum offload the kernel would trust what the tunnel delivered, and the pod would look at nothing.
    'ethtool -K veth0 tx off',
    ...addresses.map((address) => `ip neigh add ${address} lladdr ${POD_MAC} dev veth0 nud permanent`),
    ...addresses.map((address) => `ip route add ${address} dev veth0`),
  ]);
  await configure(lab, 'peer-pod', [
    `ip link set eth0 address ${POD_MAC} mtu 1450 addrgenmode none up`,
    ...addressLines('peer-pod', 'eth0'),
    ...gateways.map((gateway) => `ip neigh add ${gateway} lladdr ${GATEWAY_MAC} dev eth0 nud permanent`),
    ...gateways.map((gateway) => `ip route add default via ${gateway} dev eth0 onlink`),
  ]);
}

/** Writes the peer into the configuration of the node, and has its daemon read it. */
async function introduce(lab: TestLab, node: string): Promise<void> {
  const { config } = lab.files(node);
  const peer = { name: 'kernel', endpoint: UNDERLAY_ADDRESS, mac: VXLAN_MAC, prefixes: PREFIXES };
  writeFileSync(config, stringify({ ...(parse(readFileSync(config, 'utf8')) as object), staticPeers: [peer] }));
  const { peers } = await lab.control(node).status();
  await lab.lab('stop', node);
  await lab.lab('start', node);
  await until(`${node} has its peers`, async () => (await lab.control(node).status()).peers === peers + 1);
}

function addressLines(place: keyof typeof peerAddresses, device: string): string[] {
  const { 4: ipv4, 6: ipv6 } = peerAddresses[place];
  return [`ip address add ${ipv4}/32 dev ${device}`, `ip address add ${ipv6}/128 dev ${device} nodad`];
}

/** First address of a node's prefix. */
function gatewayOf(prefix: string): string {
  return prefix.replace(/\.0\/\d+$/, '.1').replace(/::\/\d+$/, '::1');
}

async function configure(lab: TestLab, place: string, commands: readonly string[]): Promise<void> {
  for (const command of commands) await lab.exec(place, ...command.split(' '));
}
