/** A Kubernetes cluster on weft: what its kubelets, its proxies and its DNS make of weft's pods. */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import test from 'ava';
import { existingNamespaces } from '../../src/lab/lab-directory.ts';
import type { AuditReport, Pod } from '../../src/api/control-api.ts';
import { Cluster } from '../cluster/cluster.ts';
import { clusterDirectory, namespacesPrefix } from '../cluster/places.ts';
import { startWeft } from '../cluster/pod-network.ts';
import { BUSYBOX_IMAGE } from '../support/busybox-image.ts';
import { hasGo } from '../support/go-programs.ts';
import type { ProgramResult } from '../support/program.ts';
import { uniqueLabName } from '../support/test-lab.ts';
import { until } from '../support/until.ts';

// Kubernetes is compiled from its module.
const testWithGo = hasGo() ? test.serial : test.serial.skip;

/** Kubernetes may have to be compiled first: scripts/test has begun with it long ago, or else it takes this long. */
const COMPILE_DEADLINE_MS = 20 * 60_000;

/** A pod is made within seconds; the kubelet tries again what failed, after longer and longer breaks. */
const POD_DEADLINE_MS = 60_000;

const name = uniqueLabName();
const web = 'web.default.svc.cluster.local';

let cluster: Cluster;

test.before(async (t) => {
  if (!hasGo()) return;
  t.timeout(COMPILE_DEADLINE_MS);
  cluster = await Cluster.up({ name, nodes: 2, podNetwork: 'checkout' });
});

test.after.always(async () => {
  await cluster?.down();
});

/** A pod on a node. */
function pod(podName: string, node: string, command: readonly string[], labels: Record<string, string> = {}): object {
  const container = { name: 'main', image: BUSYBOX_IMAGE, imagePullPolicy: 'Never', command };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: podName, labels },
    spec: {
      nodeSelector: { 'kubernetes.io/hostname': node },
      terminationGracePeriodSeconds: 0,
      containers: [container],
    },
  };
}

async function untilReady(...names: readonly string[]): Promise<void> {
  const pods = names.map((one) => `pod/${one}`);
  await cluster.api.kubectl('wait', '--for=condition=Ready', `--timeout=${POD_DEADLINE_MS / 1_000}s`, ...pods);
}

async function addressesOf(podName: string): Promise<string[]> {
  const { status } = await cluster.api.get<{ status: { podIPs: readonly { ip: string }[] } }>('pod', podName);
  return status.podIPs.map(({ ip }) => ip);
}

async function inPod(podName: string, ...command: readonly string[]): Promise<ProgramResult> {
  return await cluster.api.try('exec', podName, '--', ...command);
}

/** Waits until a container of `client` gets the page of `host`. */
async function fetches(host: string): Promise<void> {
  const url = `http://${host.includes(':') ? `[${host}]` : host}/`;
  await until(`the client gets ${url}`, async () => {
    // Debian's static wget crashes if it is given a time-out of its own.
    return (await inPod('client', 'timeout', '5', 'wget', '-qO-', url)).stdout.trim() === 'a page';
  });
}

/** Pods as the daemon of a node has them. */
async function weftPods(node: string): Promise<Pod[]> {
  return JSON.parse(await cluster.weft(node, 'pod', 'list', '--json')) as Pod[];
}

async function namesAt(node: string): Promise<string[]> {
  return (await weftPods(node)).map(({ name: one }) => one).toSorted();
}

testWithGo('pods on two nodes reach each other over IPv4 and IPv6', async (t) => {
  const page = 'echo a page > /www/index.html; exec httpd -f -p 80 -h /www';
  await cluster.api.apply([
    pod('web', 'n1', ['sh', '-c', page], { app: 'web' }),
    pod('client', 'n2', ['sleep', '3600']),
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'web' },
      spec: { ipFamilyPolicy: 'RequireDualStack', selector: { app: 'web' }, ports: [{ port: 80 }] },
    },
  ]);
  await untilReady('web', 'client');
  const addresses = await addressesOf('web');
  t.is(addresses.length, 2);
  for (const address of addresses) {
    t.is((await inPod('client', 'ping', '-c', '1', '-W', '5', address)).exitCode, 0, address);
    await fetches(address);
  }
});

testWithGo('a service has an address of each family, and leads to its pod', async (t) => {
  const { spec } = await cluster.api.get<{ spec: { clusterIPs: readonly string[] } }>('service', 'web');
  t.is(spec.clusterIPs.length, 2);
  for (const address of spec.clusterIPs) await fetches(address);
});

testWithGo('a service has a name in the DNS of the cluster', async (t) => {
  await fetches(web);
  t.pass();
});

testWithGo('a pod that is made and deleted leaves nothing at its node', async (t) => {
  const links = async () => await cluster.node('n2').exec('ip', '-o', 'link');
  const before = { pods: await namesAt('n2'), links: await links() };
  await cluster.api.apply([pod('brief', 'n2', ['sleep', '3600'])]);
  await untilReady('brief');
  const [ipv4 = ''] = await addressesOf('brief');
  const attached = await weftPods('n2');
  t.is(attached.length, before.pods.length + 1);
  t.true(attached.some(({ addresses }) => addresses.some((one) => one.startsWith(ipv4))));
  await cluster.api.kubectl('delete', 'pod', 'brief');
  // The API forgets a pod when its containers have ended; its sandbox may go a moment later.
  await until('the pod is gone from its node', async () => !(await namesAt('n2')).includes('brief'));
  t.deepEqual(await namesAt('n2'), before.pods);
  await until('its interface is gone, too', async () => (await links()) === before.links);
});

testWithGo('pods are deleted while the daemon is away, and made when it is back', async (t) => {
  await cluster.api.apply([pod('leaving', 'n2', ['sleep', '3600'])]);
  await untilReady('leaving');
  const node = cluster.node('n2');
  await node.background.end('SIGKILL', 'weft');
  // Its DEL is kept for the daemon, so that the kubelet has done its part.
  await cluster.api.kubectl('delete', 'pod', 'leaving', '--timeout=60s');
  await cluster.api.apply([pod('arriving', 'n2', ['sleep', '3600'])]);
  startWeft(node);
  await untilReady('arriving');
  await until('what left meanwhile is gone', async () => !(await namesAt('n2')).includes('leaving'));
  for (const address of await addressesOf('web')) await fetches(address);
  for (const one of ['n1', 'n2']) {
    const { differences } = JSON.parse(await cluster.weft(one, 'audit', '--json')) as AuditReport;
    t.deepEqual(differences, [], one);
  }
});

testWithGo('down leaves nothing of the cluster', async (t) => {
  const cgroups = () =>
    ['', ...readdirSync('/sys/fs/cgroup')].flatMap((hierarchy) => {
      const directory = `/sys/fs/cgroup/${hierarchy}`;
      return existsSync(`${directory}/cgroup.procs`) ? readdirSync(directory).filter((one) => one.includes(name)) : [];
    });
  t.true(cgroups().length > 0);
  t.true(existingNamespaces(namespacesPrefix(name)).length > 0);
  await cluster.down();
  t.deepEqual(cgroups(), []);
  t.deepEqual(existingNamespaces(namespacesPrefix(name)), []);
  t.false(existsSync(clusterDirectory(name)));
  t.false(readFileSync('/proc/self/mountinfo', 'utf8').includes(clusterDirectory(name)));
  t.deepEqual(processesOf(), []);
});

/** Command lines that name a file of the cluster. */
function processesOf(): string[] {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .flatMap((pid) => {
      try {
        const line = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
        return line.includes(clusterDirectory(name)) ? [line] : [];
      } catch {
        // It has ended meanwhile.
        return [];
      }
    });
}
