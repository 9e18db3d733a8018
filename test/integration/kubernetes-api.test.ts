/**
 * The daemon and a real API server with etcd, on a lab of two nodes. The API server is in the network namespace of n1, and nothing else of
 * Kubernetes is there: kubelets, controllers and runtimes are played by the test.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import type { KubernetesStatus, WatchedResourceStatus } from '../../src/api/kubernetes-api.ts';
import type { StoredObjects } from '../../src/kubernetes/stored-objects.ts';
import type { ResourceName } from '../../src/kubernetes/watched-resource.ts';
import { ApiServer, USUAL_PORTS } from '../cluster/api-server.ts';
import { CniRuntime } from '../support/cni-runtime.ts';
import { hasGo } from '../support/go-programs.ts';
import type { Program } from '../support/program.ts';
import { TestLab, weft } from '../support/test-lab.ts';
import { until } from '../support/until.ts';

/** Of n1 on the underlay. */
const ADDRESS = '198.18.0.1';

/** Room for one pod beside the node itself. */
const podCidrs = { n1: ['10.244.1.0/30', 'fd00:10:244:1::/126'], n2: ['10.244.2.0/24', 'fd00:10:244:2::/64'] } as const;

const START_DEADLINE_MS = 900_000;

/** Policies of the cluster, in the earlier of their two versions. What may be in them is not at issue here. */
const clusterPolicies = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: {
    name: 'clusternetworkpolicies.policy.networking.k8s.io',
    // Without it, no name that ends in k8s.io is taken.
    annotations: { 'api-approved.kubernetes.io': 'unapproved, for a test' },
  },
  spec: {
    group: 'policy.networking.k8s.io',
    names: { kind: 'ClusterNetworkPolicy', plural: 'clusternetworkpolicies' },
    scope: 'Cluster',
    versions: [
      {
        name: 'v1alpha2',
        served: true,
        storage: true,
        schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
      },
    ],
  },
};

type NodeName = keyof typeof podCidrs;

let lab: TestLab;
let server: ApiServer;
let runtime: CniRuntime;
let directory: string;
const daemons: Partial<Record<NodeName, Program>> = {};

const runs = hasGo() ? test.serial : test.serial.skip;

test.before(async (t) => {
  if (!hasGo()) return;
  t.timeout(START_DEADLINE_MS);
  directory = mkdtempSync(join(tmpdir(), 'weft-kubernetes-'));
  lab = await TestLab.up('--nodes', '2', '--pods', '0');
  server = await ApiServer.start({
    directory: join(directory, 'api'),
    netns: `/run/netns/${lab.name}-n1`,
    addresses: [ADDRESS],
    ports: USUAL_PORTS,
    nodes: [],
    isTied: true,
  });
  for (const name of ['namespace.yaml', 'rbac.yaml'])
    await server.apply(readFileSync(join(import.meta.dirname, '../../deploy/kubernetes/base', name), 'utf8'));
  await writeKubeconfig();
  for (const node of ['n1', 'n2'] as const) {
    const { exitCode } = await lab.tryLab('stop', node);
    t.is(exitCode, 0);
    start(node);
  }
  runtime = new CniRuntime(lab, 'n1');
});

test.after.always(async () => {
  await runtime?.remove();
  await server?.stop();
  await lab?.down();
  if (directory !== undefined) rmSync(directory, { recursive: true, force: true });
});

/** As the service account of the manifests, with no more rights than that has. */
async function writeKubeconfig(): Promise<void> {
  writeFileSync(join(directory, 'token'), await server.kubectl('create', 'token', 'weft', '-n', 'weft'));
  const config = {
    'current-context': 'weft',
    contexts: [{ name: 'weft', context: { cluster: 'weft', user: 'weft' } }],
    clusters: [
      { name: 'weft', cluster: { server: server.url, 'certificate-authority': server.credentials.authority } },
    ],
    users: [{ name: 'weft', user: { tokenFile: 'token' } }],
  };
  writeFileSync(join(directory, 'kubeconfig'), JSON.stringify(config));
}

/** With nothing of the lab's configuration but where its files are. */
function start(node: NodeName): void {
  const { keyFile, stateDir, socket } = lab.files(node);
  const flags = {
    config: '/dev/null',
    'node-name': node,
    'ipam-mode': 'kubernetes',
    'kubernetes-kubeconfig': join(directory, 'kubeconfig'),
    'cluster-prefixes': '10.244.0.0/16,fd00:10:244::/48',
    'gossip-key-file': keyFile,
    'state-dir': stateDir,
    'control-socket': socket,
    'metrics-address': 'off',
  };
  const options = Object.entries(flags).flatMap(([name, value]) => [`--${name}`, value]);
  daemons[node] = lab.background(node, ...weft, 'daemon', ...options);
}

/** As a kubelet registers it, with its addresses; then kube-controller-manager assigns its prefixes. */
async function makeNode(name: NodeName): Promise<void> {
  await server.apply([{ apiVersion: 'v1', kind: 'Node', metadata: { name } }]);
  const addresses = [{ type: 'InternalIP', address: name === 'n1' ? ADDRESS : '198.18.0.2' }];
  const status = JSON.stringify({ status: { addresses } });
  await server.kubectl('patch', 'node', name, '--subresource=status', '--type=merge', '-p', status);
  const spec = { podCIDR: podCidrs[name][0], podCIDRs: podCidrs[name] };
  await server.kubectl('patch', 'node', name, '--type=merge', '-p', JSON.stringify({ spec }));
}

/** On n1. @returns its UID */
async function makePod(name: string, labels: object): Promise<string> {
  const containers = [{ name: 'c', image: 'none', ports: [{ name: 'http', containerPort: 8080 }] }];
  const spec = { nodeName: 'n1', containers, automountServiceAccountToken: false };
  const metadata = { name, namespace: 'default', labels };
  await server.apply([
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default', namespace: 'default' } },
    { apiVersion: 'v1', kind: 'Pod', metadata, spec },
  ]);
  return (await server.get<{ metadata: { uid: string } }>('pod', name)).metadata.uid;
}

async function kubernetesStatus(node: NodeName): Promise<KubernetesStatus> {
  return (await lab.control(node).status()).kubernetes!;
}

async function resource(node: NodeName, name: ResourceName): Promise<WatchedResourceStatus> {
  return (await kubernetesStatus(node)).resources.find((one) => one.name === name)!;
}

/** As n2 knows them. */
async function podsOfAll(): Promise<string> {
  return (await lab.tryAsk('n2', 'pods', '--all', '--json')).stdout;
}

interface EventObject {
  readonly reason: string;
  readonly count: number;
  readonly involvedObject: { readonly kind: string; readonly name: string };
}

async function events(): Promise<string[]> {
  const { items } = await server.get<{ items: EventObject[] }>('events', '-A');
  return items.map(({ reason, involvedObject: { kind, name } }) => `${reason} ${kind}/${name}`);
}

runs('a daemon waits for the prefixes of its Node, and says for what', async (t) => {
  const { n1 } = daemons;
  await until('it waits', () => `${n1!.stdout}${n1!.stderr}`.includes('there is no Node n1'));
  t.false(existsSync(lab.files('n1').socket));
});

runs('nodes have the prefixes of their Nodes, and find each other by the addresses of these', async (t) => {
  await makeNode('n1');
  await makeNode('n2');
  await Promise.all([lab.answers('n1'), lab.answers('n2')]);
  await until('n1 knows n2', async () => (await lab.control('n1').status()).gossip.members.alive === 2);
  const { nodePrefixes, gossip, underlay } = await lab.control('n1').status();
  t.deepEqual(nodePrefixes, podCidrs.n1);
  t.deepEqual(gossip.seeds, []);
  t.is(underlay.reason, 'it is the InternalIP of the Node object');
  t.true((await kubernetesStatus('n1')).reachable);
});

runs('the Node says that it has a network', async (t) => {
  interface Node {
    readonly status: { readonly conditions?: { type: string; status: string; reason: string }[] };
  }
  let found: { status: string; reason: string } | undefined;
  await until('the condition is there', async () => {
    const { status } = await server.get<Node>('node', 'n1');
    found = status.conditions?.find(({ type }) => type === 'NetworkUnavailable');
    return found !== undefined;
  });
  t.is(`${found?.status} ${found?.reason}`, 'False WeftIsUp');
});

runs('a pod has the labels and named ports of its Pod, on all nodes, and follows them', async (t) => {
  const uid = await makePod('web', { app: 'web' });
  await runtime.make('c1');
  const named = 'IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=web';
  await runtime.add({ container: 'c1', env: { CNI_ARGS: `${named};K8S_POD_UID=${uid}` } });
  await until('n2 knows the label', async () => /"app":\s*"web"/.test(await podsOfAll()));
  await server.kubectl('label', 'pod', 'web', 'app=shop', '--overwrite');
  await until('n2 knows the other label', async () => /"app":\s*"shop"/.test(await podsOfAll()));
  const { pods } = await lab.control('n2').directory();
  t.deepEqual(pods.find(({ name }) => name === 'web')?.ports, [{ name: 'http', protocol: 'TCP', port: 8080 }]);
});

runs('namespaces and policies are watched; those of the cluster are not installed, which is no trouble', async (t) => {
  await until('they are listed', async () => (await resource('n1', 'networkpolicies')).lists === 1);
  t.is((await resource('n1', 'clusternetworkpolicies')).state, 'absent');
  const { notices } = await lab.control('n1').status();
  t.deepEqual(
    notices.filter(({ code }) => code.startsWith('kubernetes')),
    [],
  );
  const namespaces = (await resource('n1', 'namespaces')).objects;
  await server.apply([
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } },
    {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'NetworkPolicy',
      metadata: { name: 'closed', namespace: 'shop' },
      spec: { podSelector: {}, policyTypes: ['Ingress'] },
    },
  ]);
  await until('the policy is known', async () => (await resource('n1', 'networkpolicies')).objects === 1);
  t.is((await resource('n1', 'namespaces')).objects, namespaces + 1);
});

runs('kubectl shows why a pod got no address', async (t) => {
  const uid = await makePod('late', {});
  await runtime.make('c2');
  const named = 'IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=late';
  await t.throwsAsync(runtime.add({ container: 'c2', env: { CNI_ARGS: `${named};K8S_POD_UID=${uid}` } }));
  await until('there is an event', async () => (await events()).includes('AddressPoolExhausted Pod/late'));
  t.true((await events()).includes('AddressPoolExhausted Node/n1'));
  t.regex(await server.kubectl('describe', 'node', 'n1'), /AddressPoolExhausted/);
});

runs('while the API is away a daemon starts with what was known, and takes it up again', async (t) => {
  // Watched when the API is back: a node that runs would look for it within half a minute.
  await server.apply([clusterPolicies]);
  await server.endApi();
  await daemons.n1!.end();
  start('n1');
  await lab.answers('n1');
  const away = await kubernetesStatus('n1');
  t.false(away.reachable);
  t.regex(away.storedAt ?? '', /^20\d\d-/);
  t.deepEqual((await lab.control('n1').status()).nodePrefixes, podCidrs.n1);
  await until('it says so', async () => {
    const { notices } = await lab.control('n1').status();
    return notices.some(({ code }) => code === 'kubernetes-away');
  });
  const stored = JSON.parse(readFileSync(join(lab.files('n1').stateDir, 'kubernetes.json'), 'utf8')) as StoredObjects;
  t.deepEqual(
    stored.networkpolicies?.map(({ namespace, name }) => `${namespace}/${name}`),
    ['shop/closed'],
  );
  const { stdout } = await lab.tryAsk('n1', 'pods', '--json');
  t.regex(stdout, /"app":\s*"shop"/);
  await server.startApi();
  await until('the API is watched again', async () => (await kubernetesStatus('n1')).reachable, 60_000);
  t.is((await kubernetesStatus('n1')).storedAt, null);
  await until('policies of the cluster are watched', async () => {
    return (await resource('n1', 'clusternetworkpolicies')).state === 'watching';
  });
});

runs('a node whose Node is deleted is forgotten once it has left', async (t) => {
  await daemons.n2!.end();
  await server.kubectl('delete', 'node', 'n2');
  await until(
    'n1 has forgotten n2',
    async () => {
      const { members } = (await lab.control('n1').status()).gossip;
      return members.left + members.dead === 0;
    },
    60_000,
  );
  t.is((await lab.control('n1').status()).gossip.members.alive, 1);
});
