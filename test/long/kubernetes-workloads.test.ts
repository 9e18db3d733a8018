/** What people run in a cluster, each kind of it once: that it has its network, and that nothing of it is left afterwards. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import type { Pod } from '../../src/api/control-api.ts';
import { podsInWeft, untilAtRest } from '../cluster/agreement.ts';
import { Cluster } from '../cluster/cluster.ts';
import { DNS_SERVICE_ADDRESS, STATIC_PODS } from '../cluster/node-configuration.ts';
import { BUSYBOX_IMAGE } from '../support/busybox-image.ts';
import type { ProgramResult } from '../support/program.ts';
import { runsSlowTests, slowTest } from '../support/slow-test.ts';
import { uniqueLabName } from '../support/test-lab.ts';
import { until } from '../support/until.ts';

const COMPILE_DEADLINE_MS = 40 * 60_000;

/** A pod is made within seconds; the kubelet tries again what failed, after longer and longer breaks. */
const POD_DEADLINE_MS = 120_000;

/** Of a test that makes a hundred pods, one after the other. */
const HUNDRED_DEADLINE_MS = 40 * 60_000;

/** How often a container ends by itself, and how often pods are made anew. */
const TIMES = 100;

/** How many pods are made anew at once. */
const AT_ONCE = 4;

/** How often a sandbox is lost. */
const SANDBOXES_LOST = 10;

const HOST_PORT = 8_080;

const SERVE = ['sh', '-c', 'echo a page > /www/index.html; exec httpd -f -p 80 -h /www'];
const SLEEP = ['sleep', '3600'];

let cluster: Cluster;

test.before(async (t) => {
  if (!runsSlowTests) return;
  t.timeout(COMPILE_DEADLINE_MS);
  cluster = await Cluster.up({ name: uniqueLabName(), nodes: 2, podNetwork: 'weft' });
  await cluster.api.apply([pod('web', 'n2', SERVE)]);
  await untilReady('web');
});

test.after.always(async () => {
  await cluster?.down();
});

interface PodStatus {
  readonly podIPs: readonly { readonly ip: string }[];
  readonly containerStatuses?: readonly { readonly restartCount: number }[];
}

function container(command: readonly string[], more: object = {}): object {
  return { name: 'main', image: BUSYBOX_IMAGE, imagePullPolicy: 'Never', command, ...more };
}

/** What is the same for all pods of these tests. */
function podSpec(command: readonly string[], more: object = {}): object {
  return { terminationGracePeriodSeconds: 0, containers: [container(command)], ...more };
}

/** A pod on a node. */
function pod(name: string, node: string, command: readonly string[], more: object = {}): object {
  const nodeSelector = { 'kubernetes.io/hostname': node };
  return { apiVersion: 'v1', kind: 'Pod', metadata: { name }, spec: podSpec(command, { nodeSelector, ...more }) };
}

async function untilReady(...names: readonly string[]): Promise<void> {
  const pods = names.map((name) => `pod/${name}`);
  await cluster.api.kubectl('wait', '--for=condition=Ready', `--timeout=${POD_DEADLINE_MS / 1_000}s`, ...pods);
}

async function remove(...names: readonly string[]): Promise<void> {
  await cluster.api.kubectl('delete', 'pod', ...names, `--timeout=${POD_DEADLINE_MS / 1_000}s`);
}

async function statusOf(name: string): Promise<PodStatus> {
  return (await cluster.api.get<{ status: PodStatus }>('pod', name)).status;
}

async function addressesOf(name: string): Promise<string[]> {
  return (await statusOf(name)).podIPs.map(({ ip }) => ip);
}

async function restartsOf(name: string): Promise<number> {
  return (await statusOf(name)).containerStatuses?.[0]?.restartCount ?? 0;
}

async function resolverOf(name: string): Promise<string> {
  return (await inPod(name, 'cat', '/etc/resolv.conf')).succeeded().trim();
}

async function inPod(name: string, ...command: readonly string[]): Promise<ProgramResult> {
  return await cluster.api.try('exec', name, '--', ...command);
}

function url(host: string, port = 80): string {
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}/`;
}

/** Waits until a pod gets the page of `host`. */
async function fetches(name: string, host: string): Promise<void> {
  // Debian's static wget crashes if it is given a time-out of its own.
  const fetch = ['timeout', '5', 'wget', '-qO-', url(host)];
  await until(`${name} gets ${url(host)}`, async () => (await inPod(name, ...fetch)).stdout.trim() === 'a page');
}

/** What a node gets from a port, of itself or of another; empty: nothing. */
async function pageAt(node: string, host: string, port: number): Promise<string> {
  const { stdout } = await cluster.node(node).try('curl', '-gsS', '--max-time', '5', url(host, port));
  return stdout.trim();
}

slowTest('a port of the node leads to its pod over IPv4 and IPv6, for as long as the pod is there', async (t) => {
  const ports = [{ containerPort: 80, hostPort: HOST_PORT }];
  await cluster.api.apply([pod('port', 'n2', SERVE, { containers: [container(SERVE, { ports })] })]);
  await untilReady('port');
  const { addresses } = cluster.node('n2');
  t.is(addresses.length, 2);
  for (const address of addresses) {
    for (const node of ['n1', 'n2']) {
      await until(
        `${node} gets a page at ${address}`,
        async () => (await pageAt(node, address, HOST_PORT)) === 'a page',
      );
    }
  }
  await remove('port');
  for (const address of addresses) {
    await until(`${address} is silent`, async () => (await pageAt('n1', address, HOST_PORT)) === '');
  }
});

slowTest('pods ask for names as their dnsPolicy says', async (t) => {
  const dnsConfig = {
    nameservers: [DNS_SERVICE_ADDRESS],
    searches: ['svc.cluster.local'],
    options: [{ name: 'ndots', value: '3' }],
  };
  await cluster.api.apply([
    pod('cluster-first', 'n1', SLEEP),
    pod('own-dns', 'n1', SLEEP, { dnsPolicy: 'None', dnsConfig }),
    pod('host-dns', 'n1', SLEEP, { dnsPolicy: 'ClusterFirstWithHostNet', hostNetwork: true }),
    pod('node-dns', 'n1', SLEEP, { dnsPolicy: 'Default' }),
  ]);
  await untilReady('cluster-first', 'own-dns', 'host-dns', 'node-dns');
  const clusterFirst = `search default.svc.cluster.local svc.cluster.local cluster.local
nameserver ${DNS_SERVICE_ADDRESS}
options ndots:5`;
  t.is(await resolverOf('cluster-first'), clusterFirst);
  t.is(await resolverOf('host-dns'), clusterFirst);
  t.is(await resolverOf('own-dns'), `search svc.cluster.local\nnameserver ${DNS_SERVICE_ADDRESS}\noptions ndots:3`);
  t.is(await resolverOf('node-dns'), (await cluster.node('n1').exec('cat', '/etc/resolv.conf')).trim());
  for (const name of ['cluster-first', 'host-dns', 'own-dns', 'node-dns']) {
    const lookup = ['timeout', '10', 'nslookup', 'kubernetes.default.svc.cluster.local'];
    await until(`${name} looks up a service`, async () => (await inPod(name, ...lookup)).exitCode === 0);
  }
  await remove('cluster-first', 'own-dns', 'host-dns', 'node-dns');
});

slowTest('an init container has the network of its pod', async (t) => {
  const [address = ''] = await addressesOf('web');
  const command = ['sh', '-c', `ip -o address show dev eth0 && timeout 20 wget -qO- ${url(address)}`];
  const initContainers = [container(command, { name: 'first' })];
  await cluster.api.apply([pod('prepared', 'n1', SLEEP, { initContainers })]);
  await untilReady('prepared');
  const said = await cluster.api.kubectl('logs', 'prepared', '--container', 'first');
  t.true(said.includes('a page'), said);
  for (const own of await addressesOf('prepared')) t.true(said.includes(` ${own}/`), said);
  await remove('prepared');
});

slowTest('a pod with the network of its node reaches pods, is reached by them, and is none of weft’s', async (t) => {
  await cluster.api.apply([pod('host', 'n1', SERVE, { hostNetwork: true })]);
  await untilReady('host');
  t.deepEqual(await addressesOf('host'), cluster.node('n1').addresses);
  for (const address of await addressesOf('web')) await fetches('host', address);
  for (const address of await addressesOf('host')) await fetches('web', address);
  t.false((await podsInWeft(cluster, 'n1')).some((line) => line.startsWith('default/host ')));
  await untilAtRest(cluster);
  await remove('host');
});

slowTest('a static pod has an address, and frees it when its file is gone', async (t) => {
  const file = join(cluster.node('n1').directory, 'static.yaml');
  writeFileSync(file, JSON.stringify(pod('static', 'n1', SERVE)));
  await cluster.node('n1').exec('install', '-m', '644', file, join(STATIC_PODS, 'static.yaml'));
  await until(
    'the static pod has its mirror',
    async () => (await cluster.api.try('get', 'pod', 'static-n1')).exitCode === 0,
  );
  await untilReady('static-n1');
  const addresses = await addressesOf('static-n1');
  t.is(addresses.length, 2);
  for (const address of addresses) await fetches('web', address);
  await untilAtRest(cluster);
  await cluster.node('n1').exec('rm', join(STATIC_PODS, 'static.yaml'));
  await until(
    'the static pod is gone',
    async () => !(await podsInWeft(cluster, 'n1')).some((line) => line.startsWith('default/static-n1 ')),
    POD_DEADLINE_MS,
  );
});

slowTest('the pods of a job leave nothing when they are done', async (t) => {
  const spec = {
    completions: 12,
    parallelism: 4,
    template: { spec: podSpec(['sh', '-c', 'ip -o address show dev eth0'], { restartPolicy: 'Never' }) },
  };
  await cluster.api.apply([{ apiVersion: 'batch/v1', kind: 'Job', metadata: { name: 'work' }, spec }]);
  const wait = ['wait', '--for=condition=Complete', 'job/work', `--timeout=${(3 * POD_DEADLINE_MS) / 1_000}s`];
  t.timeout(5 * POD_DEADLINE_MS);
  await cluster.api.kubectl(...wait);
  // The job and its pods are still in the API.
  await untilAtRest(cluster);
  await cluster.api.kubectl('delete', 'job', 'work');
  t.pass();
});

slowTest('a pod of a stateful set that is made anew is found under its name', async (t) => {
  t.timeout(5 * POD_DEADLINE_MS);
  const labels = { app: 'db' };
  const spec = {
    serviceName: 'db',
    replicas: 2,
    selector: { matchLabels: labels },
    template: { metadata: { labels }, spec: podSpec(SERVE) },
  };
  await cluster.api.apply([
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'db' },
      spec: { clusterIP: 'None', ipFamilyPolicy: 'RequireDualStack', selector: labels, ports: [{ port: 80 }] },
    },
    { apiVersion: 'apps/v1', kind: 'StatefulSet', metadata: { name: 'db' }, spec },
  ]);
  const rollout = ['rollout', 'status', 'statefulset/db', `--timeout=${POD_DEADLINE_MS / 1_000}s`];
  await cluster.api.kubectl(...rollout);
  const uidOf = async () => (await cluster.api.get<{ metadata: { uid: string } }>('pod', 'db-0')).metadata.uid;
  const before = await uidOf();
  await fetches('db-1', 'db-0.db.default.svc.cluster.local');
  await remove('db-0');
  await cluster.api.kubectl(...rollout);
  t.not(await uidOf(), before);
  for (const address of await addressesOf('db-0')) await fetches('db-1', address);
  await fetches('db-1', 'db-0.db.default.svc.cluster.local');
  await untilAtRest(cluster);
  await cluster.api.kubectl('delete', 'statefulset', 'db');
});

slowTest(`a pod whose container ends ${TIMES} times keeps its addresses`, async (t) => {
  t.timeout(HUNDRED_DEADLINE_MS);
  const node = cluster.node('n2');
  // It would wait for up to five minutes each time.
  await node.background.end('SIGTERM', 'kubelet');
  node.startKubelet({
    featureGates: { KubeletCrashLoopBackOffMax: true },
    crashLoopBackOff: { maxContainerRestartPeriod: '1s' },
  });
  await cluster.api.apply([pod('crashing', 'n2', ['sh', '-c', 'exit 1'])]);
  await until('it has begun to crash', async () => (await restartsOf('crashing')) > 0, POD_DEADLINE_MS);
  const before = await addressesOf('crashing');
  t.is(before.length, 2);
  await until(`it has ended ${TIMES} times`, async () => (await restartsOf('crashing')) >= TIMES, HUNDRED_DEADLINE_MS);
  t.deepEqual(await addressesOf('crashing'), before);
  await untilAtRest(cluster);
  await remove('crashing');
});

slowTest(`a pod whose sandbox is lost ${SANDBOXES_LOST} times has one address of each family`, async (t) => {
  t.timeout(HUNDRED_DEADLINE_MS);
  await cluster.api.apply([pod('unlucky', 'n2', SERVE)]);
  await untilReady('unlucky');
  const sandbox = async (): Promise<string> => {
    const pods = JSON.parse(await cluster.weft('n2', 'pod', 'list', '--json')) as Pod[];
    return pods.find(({ name }) => name === 'unlucky')?.attachment?.containerId ?? '';
  };
  const lost = new Set<string>();
  while (lost.size < SANDBOXES_LOST) {
    const id = await sandbox();
    lost.add(id);
    await cluster.node('n2').exec('ctr', '-n', 'k8s.io', 'tasks', 'kill', '-s', 'SIGKILL', id);
    await until('it has another sandbox', async () => !['', ...lost].includes(await sandbox()), POD_DEADLINE_MS);
  }
  await untilReady('unlucky');
  for (const address of await addressesOf('unlucky')) await fetches('web', address);
  await untilAtRest(cluster);
  t.is((await podsInWeft(cluster, 'n2')).filter((line) => line.startsWith('default/unlucky ')).length, 1);
  await remove('unlucky');
});

slowTest(
  `${TIMES} pods that are made and deleted, ${AT_ONCE} at once, leave no address and no interface`,
  async (t) => {
    t.timeout(HUNDRED_DEADLINE_MS);
    await untilAtRest(cluster);
    const links = async () => (await cluster.node('n2').exec('ip', '-o', 'link')).split('\n').length;
    const before = { pods: await podsInWeft(cluster, 'n2'), links: await links() };
    const names = Array.from({ length: AT_ONCE }, (_, index) => `again-${index}`);
    for (let made = 0; made < TIMES; made += AT_ONCE) {
      await cluster.api.apply(names.map((name) => pod(name, 'n2', SLEEP)));
      await untilReady(...names);
      await remove(...names);
    }
    await untilAtRest(cluster);
    t.deepEqual(await podsInWeft(cluster, 'n2'), before.pods);
    await until('as many interfaces are there as before', async () => (await links()) === before.links);
  },
);
