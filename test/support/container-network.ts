/** Containers beside weft: a bridge on a node of a lab, a namespace behind it, and rules of somebody else's that masquerade it. */
import { runProgram } from './program.ts';
import type { TestLab } from './test-lab.ts';

/** Place that is added to the lab, and its address. */
export const CONTAINER = 'container';
export const CONTAINER_ADDRESS = '172.17.0.2';

/** As Docker does it; that no reverse path is asked for is what some machines have. */
const ON_THE_NODE = `set -e
ip link add docker0 type bridge
ip address add 172.17.0.1/24 dev docker0
ip link set docker0 up
ip link set port master docker0 up
nft -f - <<EOF
table ip docker {
  chain postrouting { type nat hook postrouting priority srcnat; ip saddr 172.17.0.0/24 oifname != docker0 masquerade; }
}
EOF
for conf in all docker0; do echo 0 > /proc/sys/net/ipv4/conf/$conf/rp_filter; done`;

const IN_THE_CONTAINER = `set -e
ip link set lo up
ip link set eth0 up
ip address add ${CONTAINER_ADDRESS}/24 dev eth0
ip route add default via 172.17.0.1`;

/** Adds the place. To be removed by {@link detachContainer}. */
export async function attachContainer(lab: TestLab, node: string): Promise<void> {
  const netns = `${lab.name}-${CONTAINER}`;
  (await runProgram(['ip', 'netns', 'add', netns])).succeeded();
  await lab.exec(node, 'ip', 'link', 'add', 'port', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', netns);
  await lab.exec(node, 'sh', '-c', ON_THE_NODE);
  await lab.exec(CONTAINER, 'sh', '-c', IN_THE_CONTAINER);
}

/** Removes the namespace, whether it is there or not. */
export async function detachContainer(lab: TestLab): Promise<void> {
  await runProgram(['ip', 'netns', 'del', `${lab.name}-${CONTAINER}`]);
}
