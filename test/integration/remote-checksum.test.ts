/**
 * Remote Checksum Offload with the kernel's own: a `vxlan` device with `remcsumtx` and `remcsumrx`, and a pod behind it that
 * looks at every checksum, since the link to it has none of the offloads that would trust what the tunnel delivered.
 */
import { spawn } from 'node:child_process';
import test from 'ava';
import { runCommand } from '../../src/linux/command.ts';
import { DataplanePair } from '../support/dataplane-pair.ts';
import { Program } from '../support/program.ts';
import { until } from '../support/until.ts';

const KERNEL = 2;
const MARK_RULE = 'udp dport 4789 @th,72,8 & 0x20 == 0x20 counter';

for (const agreed of [true, false]) {
  const what = agreed ? 'every checksum is right at both ends' : 'nothing with a mark gets in';
  test.serial(`TCP and UDP between weft and a kernel that leaves checksums to the other: ${what}`, async (t) => {
    await using pair = new DataplanePair({ without: agreed ? [] : ['remoteChecksum'] });
    const node = pair.start(1);
    t.is((await node.report()).message, undefined);
    const pod = `${pair.namespace(KERNEL)}-pod`;
    await inNamespace(undefined, `ip netns add ${pod}`);
    try {
      setUpNode(pair);
      await setUpKernel(pair, pod);
      const transfers = agreed
        ? [
            ['-n', '20M'],
            ['-n', '20M', '-R'],
            ['-u', '-b', '50M', '-t', '1', '-l', '1300'],
            ['-u', '-b', '50M', '-t', '1', '-R'],
          ]
        : [];
      for (const options of transfers) await transfer(pair, pod, options);
      if (!agreed) await t.throwsAsync(transfer(pair, pod, ['-n', '1M', '--connect-timeout', '1000']));
      const { accounts } = await node.status();
      const { dropped, received, delivered } = accounts![0]!.ingress;
      t.is(dropped['remote-checksum-mismatch'], 0);
      t.is(dropped['inner-bad-checksum'], 0);
      t.is(dropped['remote-checksum-not-agreed']! > 0, !agreed);
      if (agreed) t.is(received - delivered, 0);
      t.is((await checksumErrors(pod)) + (await checksumErrors(pair.namespace(1))), 0);
      t.is((await marksSeen(pair)) > 0, agreed);
    } finally {
      await inNamespace(undefined, `ip netns del ${pod}`);
    }
  });
}

function setUpNode(pair: DataplanePair): void {
  pair.ip(1, 'link set weft0 addrgenmode none');
  pair.ip(1, 'link set weft0 mtu 1450 up');
  pair.ip(1, 'addr add 10.244.1.1/32 dev weft0');
  pair.ip(1, 'route add 10.244.0.0/16 dev weft0 src 10.244.1.1');
}

async function setUpKernel(pair: DataplanePair, pod: string): Promise<void> {
  const kernel = pair.namespace(KERNEL);
  const vxlan = 'type vxlan id 42 local 198.18.0.2 dev u0 dstport 4789 nolearning udpcsum remcsumtx remcsumrx';
  for (const command of [
    `ip link add vx address 02:00:00:00:00:02 mtu 1450 ${vxlan}`,
    'ip link set vx addrgenmode none up',
    'bridge fdb append 02:00:00:00:00:01 dev vx dst 198.18.0.1',
    'ip neigh add 10.244.1.1 lladdr 02:00:00:00:00:01 dev vx nud permanent',
    'ip route add 10.244.1.1 dev vx',
    `ip link add p0 type veth peer name eth0 netns ${pod}`,
    'ip link set p0 mtu 1450 up',
    'ip addr add 10.244.2.1/24 dev p0',
    'ethtool -K p0 tx off',
    'sysctl -qw net.ipv4.ip_forward=1',
    'nft add table inet marks',
    'nft add chain inet marks in { type filter hook prerouting priority 0; }',
    `nft add rule inet marks in ${MARK_RULE}`,
  ]) {
    await inNamespace(kernel, command);
  }
  for (const command of [
    'ip link set lo up',
    'ip addr add 10.244.2.2/24 dev eth0',
    'ip link set eth0 mtu 1450 up',
    'ip route add default via 10.244.2.1',
  ]) {
    await inNamespace(pod, command);
  }
}

async function transfer(pair: DataplanePair, pod: string, options: readonly string[]): Promise<void> {
  const inPod = [`--net=/run/netns/${pod}`, '--', 'iperf3', '-s', '-1'];
  const server = new Program(spawn('nsenter', inPod, { stdio: 'pipe' }), 'iperf3');
  try {
    await until('iperf3 listens', async () => (await inNamespace(pod, 'ss -Hlnt sport = :5201')) !== '');
    await pair.run(1, `iperf3 -c 10.244.2.2 ${options.join(' ')}`);
  } finally {
    await server.end();
  }
}

/** Segments and datagrams that arrived in `namespace` with a wrong checksum. */
async function checksumErrors(namespace: string): Promise<number> {
  const text = await inNamespace(namespace, 'cat /proc/net/snmp');
  const rows = text.split('\n').filter((line) => /^(Tcp|Udp):/.test(line));
  let errors = 0;
  for (let row = 0; row < rows.length; row += 2) {
    const column = rows[row]!.split(' ').indexOf('InCsumErrors');
    errors += Number(rows[row + 1]!.split(' ')[column]);
  }
  return errors;
}

/** Datagrams with the mark that reached the kernel's side. */
async function marksSeen(pair: DataplanePair): Promise<number> {
  const text = await inNamespace(pair.namespace(KERNEL), 'nft list table inet marks');
  return Number(/counter packets (\d+)/.exec(text)?.[1]);
}

async function inNamespace(namespace: string | undefined, command: string): Promise<string> {
  const netns = namespace === undefined ? {} : { netns: `/run/netns/${namespace}` };
  return runCommand(command.split(' '), { purpose: 'set up a peer with remote checksums', ...netns });
}
