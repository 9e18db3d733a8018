/** weft beside another pod network in a cluster, by its manifests: pods have both, and each stays what it is. */
import { rmSync } from 'node:fs';
import test from 'ava';
import type { Pod } from '../../src/api/control-api.ts';
import { manifests } from '../../src/cli/kubernetes-manifest.ts';
import { generateKey } from '../../src/daemon/gossip/key-file.ts';
import { bareAddress } from '../../src/lab/topology.ts';
import { Cluster } from '../cluster/cluster.ts';
import { sleepingPod } from '../cluster/sleeping-pods.ts';
import { writeWeftImage } from '../cluster/weft-image.ts';
import { runsSlowTests, slowTest } from '../support/slow-test.ts';
import { uniqueLabName } from '../support/test-lab.ts';
import { until } from '../support/until.ts';

/** Compiling Kubernetes, if that was not done before. */
const COMPILE_DEADLINE_MS = 30 * 60_000;
const DEADLINE_MS = 5 * 60_000;

const NODES = ['n1', 'n2'] as const;

let cluster: Cluster;

test.before(async (t) => {
  if (!runsSlowTests) return;
  t.timeout(COMPILE_DEADLINE_MS);
  cluster = await Cluster.up({ name: uniqueLabName(), nodes: NODES.length, podNetwork: 'ptp' });
});

test.beforeEach((t) => t.timeout(4 * DEADLINE_MS));

test.after.always(async () => {
  await cluster?.down();
});

async function untilReady(...pods: readonly string[]): Promise<void> {
  const names = pods.map((name) => `pod/${name}`);
  await cluster.api.kubectl('wait', '--for=condition=Ready', `--timeout=${DEADLINE_MS / 1_000}s`, ...names);
}

/** The pods that the daemon of a node has. */
async function podsOf(node: string): Promise<Pod[]> {
  return JSON.parse(await cluster.weft(node, 'pod', 'list', '--json')) as Pod[];
}

async function untilReaches(from: string, address: string): Promise<void> {
  const ping = ['exec', from, '--', 'ping', '-c', '1', '-W', '2', address];
  await until(`${from} reaches ${address}`, async () => (await cluster.api.try(...ping)).exitCode === 0, DEADLINE_MS);
}

slowTest('pods have an interface of weft beside that of another network, which stays as it is', async (t) => {
  const { api, nodes, directory } = cluster;
  // Before weft: it has the other network alone, and keeps it.
  await api.apply([sleepingPod('before', 'n1')]);
  await untilReady('before');

  const image = await writeWeftImage(directory);
  await Promise.all(nodes.map(async (node) => await node.loadImage(image)));
  rmSync(image);
  await api.apply(manifests('overlays/alongside', { keys: `${generateKey()}\n`, pullPolicy: 'Never' }));
  await api.kubectl('-n', 'weft', 'rollout', 'status', 'daemonset/weft', `--timeout=${DEADLINE_MS / 1_000}s`);
  for (const node of nodes)
    await until(
      `the network of ${node.name} has weft in it`,
      async () => (await node.try('test', '-e', '/etc/cni/net.d/00-weft-alongside.conflist')).exitCode === 0,
      DEADLINE_MS,
    );

  await api.apply([sleepingPod('a', 'n1'), sleepingPod('b', 'n2')]);
  await untilReady('a', 'b', 'before');
  t.deepEqual(
    (await podsOf('n1')).map(({ name, device, labels }) => [name, device, labels]),
    [['a', 'weft0', { app: 'a' }]],
  );
  const [b] = await podsOf('n2');
  const own = b!.addresses.map(bareAddress);
  t.is(own.length, 2);
  t.regex(own[0]!, /^10\.246\.2\./);

  // What Kubernetes knows of the pod is the other network's, and so is the way to everywhere else.
  const shown = await api.kubectl('get', 'pod', 'b', '-o', 'jsonpath={.status.podIPs[*].ip}');
  t.regex(shown, /^10\.244\..* fd00:10:244:/);
  t.regex(await api.kubectl('exec', 'a', '--', 'ip', 'route'), /^default via .* dev eth0/m);
  for (const address of [...own, ...shown.trim().split(' ')]) await untilReaches('a', address);
  await untilReaches('before', shown.split(' ')[0]!);

  // Between the pods by weft, not by the network beside it.
  t.regex(await api.kubectl('exec', 'a', '--', 'ip', 'route', 'get', own[0]!), /dev weft0/);
  t.regex(await cluster.weft('n1', 'explain', 'default/a', 'default/b'), /^DELIVERED/m);

  await api.kubectl('delete', 'pod', 'a', 'b', `--timeout=${DEADLINE_MS / 1_000}s`);
  // The kubelet ends a sandbox after the object is gone.
  for (const node of NODES)
    await until(`${node} has no pod`, async () => (await podsOf(node)).length === 0, DEADLINE_MS);
});
