/** A cluster of kind without kube-proxy: weft has its services, and this machine reaches those of type LoadBalancer. */
import test from 'ava';
import { weft } from '../cluster/pod-network.ts';
import { KindCluster, takeDown } from '../kind/kind-cluster.ts';
import type { KindSpec } from '../kind/places.ts';
import { runProgram } from '../support/program.ts';
import { runsSlowTests, slowTest } from '../support/slow-test.ts';
import { uniqueLabName } from '../support/test-lab.ts';
import { until } from '../support/until.ts';

/** All may have to be compiled first, and Debian to be unpacked. */
const DEADLINE_MS = 60 * 60_000;

const spec: KindSpec = { name: uniqueLabName(), nodes: 2, provider: 'docker', hasOwnEngine: true, hasServices: true };

/** Servers on all nodes, in the image that the nodes have. */
const objects = (image: string): string => `
apiVersion: apps/v1
kind: DaemonSet
metadata: { name: web }
spec:
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec:
      terminationGracePeriodSeconds: 0
      tolerations: [{ operator: Exists }]
      containers:
        - name: web
          image: ${image}
          imagePullPolicy: Never
          command: [sh, -c]
          args:
            - >-
              exec /opt/weft/bin/node -e "require('http').createServer((q, a) => a.end(process.env.NODE + ' ' + q.socket.remoteAddress)).listen(8080, '::')"
          env: [{ name: NODE, valueFrom: { fieldRef: { fieldPath: spec.nodeName } } }]
---
apiVersion: v1
kind: Service
metadata: { name: web }
spec:
  type: LoadBalancer
  ipFamilyPolicy: PreferDualStack
  selector: { app: web }
  ports: [{ port: 80, targetPort: 8080 }]
---
apiVersion: v1
kind: Service
metadata: { name: near }
spec:
  type: LoadBalancer
  externalTrafficPolicy: Local
  selector: { app: web }
  ports: [{ port: 80, targetPort: 8080 }]
---
apiVersion: v1
kind: Service
metadata: { name: others }
spec:
  type: LoadBalancer
  loadBalancerClass: example.com/metal
  selector: { app: web }
  ports: [{ port: 80, targetPort: 8080 }]
`;

interface Service {
  readonly status: { readonly loadBalancer: { readonly ingress?: readonly { readonly ip: string }[] } };
}

async function addressesOf(cluster: KindCluster, name: string): Promise<readonly string[]> {
  const { status } = JSON.parse(await cluster.exec('kubectl', 'get', 'service', name, '-o', 'json')) as Service;
  return (status.loadBalancer.ingress ?? []).map(({ ip }) => ip);
}

/** What a server says: the name of its node, and whom it sees; empty: nothing. */
async function curl(cluster: KindCluster, address: string): Promise<string> {
  const host = address.includes(':') ? `[${address}]` : address;
  return (await cluster.try('curl', '-s', '--max-time', '3', `http://${host}/`)).stdout.replace('::ffff:', '');
}

test.after.always(async () => {
  if (!runsSlowTests) return;
  await takeDown(spec.name);
});

slowTest('services of type LoadBalancer are reached from the machine that runs kind', async (t) => {
  t.timeout(DEADLINE_MS);
  const cluster = await KindCluster.up(spec);
  t.is(await cluster.exec('kubectl', '-n', 'kube-system', 'get', 'daemonsets', '-o', 'name'), '');
  const path = 'jsonpath={.spec.template.spec.containers[0].image}';
  const image = await cluster.exec('kubectl', '-n', 'weft', 'get', 'daemonset', 'weft', '-o', path);
  (await runProgram(cluster.inside(['kubectl', 'apply', '-f', '-']), { input: objects(image) })).succeeded();
  await cluster.exec('kubectl', 'rollout', 'status', 'daemonset/web', '--timeout=300s');

  await until(
    'the service has an address of each family',
    async () => (await addressesOf(cluster, 'web')).length === 2,
  );
  for (const address of await addressesOf(cluster, 'web')) {
    const nodes = new Set<string>();
    await until(`both nodes are reached through ${address}`, async () => {
      const [node] = (await curl(cluster, address)).split(' ');
      if (node !== '') nodes.add(node!);
      return nodes.size === 2;
    });
  }

  await until('the other has one, too', async () => (await addressesOf(cluster, 'near')).length === 1);
  const [near] = await addressesOf(cluster, 'near');
  await until('it is reached', async () => (await curl(cluster, near!)) !== '');
  const gateway = (await cluster.exec('ip', '-4', 'route', 'get', near!)).match(/src (\S+)/)![1]!;
  const said = await Promise.all(Array.from({ length: 10 }, async () => curl(cluster, near!)));
  // One node answers for it, with its own pod, which sees this machine.
  t.is(new Set(said).size, 1);
  t.is(said[0]!.split(' ')[1], gateway);
  t.deepEqual(await addressesOf(cluster, 'others'), []);

  const checked = await cluster.try(...weft, 'kubernetes', 'check', '--json', '--timeout', '10m');
  const { checks } = JSON.parse(checked.stdout) as { readonly checks: readonly { readonly outcome: string }[] };
  t.deepEqual(
    checks.filter(({ outcome }) => outcome === 'failed'),
    [],
  );
});
