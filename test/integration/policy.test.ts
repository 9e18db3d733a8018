/**
 * Network policies of Kubernetes on a lab of two nodes: what a policy says holds at the edges of pods, from before a pod is there until the
 * policy is gone. The API server is a script on n1; kubelets and runtimes are played by the test.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import type { ApiPlace } from '../../src/kubernetes/api-place.ts';
import type { Explanation } from '../../src/explain/explanation.ts';
import { CniRuntime } from '../support/cni-runtime.ts';
import type { ObjectLine } from '../support/kubernetes-double.ts';
import { type Program, runProgram } from '../support/program.ts';
import { TestLab, weft } from '../support/test-lab.ts';
import { until } from '../support/until.ts';

/** Of n1 on the underlay. */
const ADDRESS = '198.18.0.1';

const script = fileURLToPath(new URL('../support/kubernetes-script.ts', import.meta.url));

const runs = test.serial;

let lab: TestLab;
let api: Program;
let directory: string;
const daemons: Program[] = [];
const runtimes: Partial<Record<'n1' | 'n2', CniRuntime>> = {};

/** Pods by their names: where they are, and their addresses. */
const pods = new Map<string, { readonly runtime: CniRuntime; readonly address: string }>();

test.before(async () => {
  directory = mkdtempSync(join(tmpdir(), 'weft-policy-'));
  lab = await TestLab.up('--nodes', '2', '--pods', '0');
  api = lab.background('n1', process.execPath, script, ADDRESS);
  await until('the API server says where it is', () => api.stdout.includes('\n'));
  writeKubeconfig(JSON.parse(api.stdout) as ApiPlace);
  for (const name of ['n1', 'n2'])
    tell({ resource: 'nodes', object: { metadata: { name, uid: `u-${name}` } as never } });
  tell({ resource: 'namespaces', object: { metadata: { name: 'shop' } } });
  for (const node of ['n1', 'n2'] as const) {
    await lab.tryLab('stop', node);
    daemons.push(start(node));
    runtimes[node] = new CniRuntime(lab, node);
  }
  await Promise.all([lab.answers('n1'), lab.answers('n2')]);
});

test.after.always(async () => {
  for (const runtime of Object.values(runtimes)) await runtime.remove();
  await lab?.down();
  if (directory !== undefined) rmSync(directory, { recursive: true, force: true });
});

function writeKubeconfig({ host, port, ca }: ApiPlace): void {
  const cluster = { server: `https://${host}:${port}`, 'certificate-authority': (ca as { file: string }).file };
  const config = {
    'current-context': 'weft',
    contexts: [{ name: 'weft', context: { cluster: 'weft', user: 'weft' } }],
    clusters: [{ name: 'weft', cluster }],
    users: [{ name: 'weft', user: {} }],
  };
  writeFileSync(join(directory, 'kubeconfig'), JSON.stringify(config));
}

function start(node: string): Program {
  return lab.daemon(node, '--kubernetes-enabled', 'on', '--kubernetes-kubeconfig', join(directory, 'kubeconfig'));
}

function tell(line: ObjectLine): void {
  api.child.stdin.write(`${JSON.stringify(line)}\n`);
}

function tellPod(node: string, name: string, labels: object): void {
  const metadata = { namespace: 'shop', name, uid: `u-${name}`, labels };
  tell({ resource: 'pods', object: { metadata, spec: { nodeName: node } } });
}

/** Who may reach pods of an app of the namespace: pods with these labels; nobody without. */
function tellPolicy(app: string, from?: object): void {
  const ingress = from === undefined ? [] : [{ from: [{ podSelector: { matchLabels: from } }] }];
  const spec = { podSelector: { matchLabels: { app } }, policyTypes: ['Ingress'], ingress };
  tell({ resource: 'networkpolicies', object: { metadata: { namespace: 'shop', name: app }, spec } as never });
}

function removePolicy(name: string): void {
  tell({ resource: 'networkpolicies', object: { metadata: { namespace: 'shop', name } }, isGone: true });
}

/** As a runtime attaches it, which does not know labels. */
async function add(node: 'n1' | 'n2', name: string): Promise<void> {
  const runtime = runtimes[node]!;
  await runtime.make(name);
  const CNI_ARGS = `IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=${name};K8S_POD_UID=u-${name}`;
  const { ips } = await runtime.add({ container: name, env: { CNI_ARGS } });
  pods.set(name, { runtime, address: ips[0]!.address.split('/')[0]! });
}

async function reaches(from: string, to: string): Promise<boolean> {
  return await pods.get(from)!.runtime.reaches(from, pods.get(to)!.address);
}

async function untilReaches(from: string, to: string): Promise<void> {
  await until(`${from} reaches ${to}`, async () => reaches(from, to));
}

async function untilDenied(from: string, to: string): Promise<void> {
  await until(`${from} does not reach ${to}`, async () => !(await reaches(from, to)));
}

/** How a ping from a pod to web would fare, as n2 tells it. */
async function explain(from: string): Promise<Explanation> {
  const [source, destination] = [pods.get(from)!.address, pods.get('web')!.address];
  return JSON.parse((await lab.tryAsk('n2', 'explain', source, destination, '--json')).stdout) as Explanation;
}

async function hasTable(): Promise<boolean> {
  return (await lab.tryExec('n1', 'nft', 'list', 'table', 'inet', 'weft-policy')).exitCode === 0;
}

runs('without policies all pods reach each other', async (t) => {
  for (const [node, name] of [
    ['n1', 'web'],
    ['n1', 'near'],
    ['n2', 'far'],
  ] as const) {
    tellPod(node, name, { app: name });
    await add(node, name);
  }
  await untilReaches('far', 'web');
  t.true(await reaches('near', 'web'));
});

runs('a policy holds for pods of its node and of others, and only for whom it selects', async (t) => {
  tellPolicy('web', { app: 'near' });
  await untilDenied('far', 'web');
  t.true(await reaches('near', 'web'));
  t.true(await reaches('far', 'near'));
  t.true(await reaches('web', 'far'), 'answers come back');
});

runs('explain says which policy drops a packet, and of others that they pass', async (t) => {
  const [denied, allowed] = [await explain('far'), await explain('near')];
  t.is(`${denied.fate} ${denied.reason}`, 'dropped policy-denied');
  t.is(
    denied.decision?.text,
    'n1 drops it as policy-denied: ingress of pod shop/web, isolated by shop/web, no rule matches',
  );
  t.is(allowed.fate, 'delivered');
  const texts = allowed.nodes.flatMap(({ steps }) => steps.map(({ text }) => text));
  t.true(texts.includes('network policies let it pass: ingress of pod shop/web, by shop/web ingress[0].from[0]'));
});

runs(
  'explain names the node behind a client that it masquerades, and what its own address would have got',
  async (t) => {
    const from = [{ ipBlock: { cidr: '203.0.113.0/24' } }];
    const spec = { podSelector: { matchLabels: { app: 'near' } }, policyTypes: ['Ingress'], ingress: [{ from }] };
    tell({ resource: 'networkpolicies', object: { metadata: { namespace: 'shop', name: 'office' }, spec } as never });
    await untilDenied('far', 'near');
    const near = pods.get('near')!.address;
    const tellOf = async (...ends: readonly string[]): Promise<Explanation> =>
      JSON.parse((await lab.tryAsk('n1', 'explain', ...ends, near, '--json')).stdout) as Explanation;
    const denied = 'n1 drops it as policy-denied: ingress of pod shop/near, isolated by shop/office, no rule matches';
    const seen = '10.244.2.1 is node n2 in the overlay, and for policies so is every client that n2 masquerades';
    t.is(
      (await tellOf('203.0.113.9', '--node', 'n2')).decision?.text,
      `${denied}; ${seen}; from 203.0.113.9, which was masqueraded, it would be allowed, by shop/office ingress[0].from[0]`,
    );
    const ofNode = await tellOf('198.18.0.2');
    t.deepEqual(ofNode.remarks, ['198.18.0.2 is the address of n2 on the underlay: n2 sends it']);
    t.is(ofNode.decision?.text, `${denied}; ${seen}`);
    removePolicy('office');
    await untilReaches('far', 'near');
  },
);

runs('a capture of drops shows what a policy denies, as tshark reads it, with the policy', async (t) => {
  const file = join(directory, 'drops.pcapng');
  const args = ['--socket', lab.files('n1').socket, 'capture', '--drops', '-w', file, 'icmp'];
  const capture = lab.background('n1', ...weft, ...args);
  await until('the capture has begun', () => capture.stderr.includes('capturing on'));
  await until('a denied packet was told', async () => {
    const told = (await lab.control('n1').status()).kernel.policyLog.denied;
    t.false(await reaches('far', 'web'));
    return told > 1;
  });
  await until('the packet is in the file', () => readFileSync(file).includes('policy-denied'));
  (await capture.end('SIGINT')).succeeded();
  const fields = ['frame.interface_name', 'frame.comment', 'ip.src', 'icmp.type'].flatMap((field) => ['-e', field]);
  const { stdout } = await runProgram(['tshark', '-r', file, '-T', 'fields', ...fields]);
  const expected = `n1/drop\tweft verdict=drop reason=policy-denied direction=ingress policy=shop/web`;
  t.true(stdout.startsWith(expected), stdout);
  t.true(stdout.includes(`\t${pods.get('far')!.address}\t8`), stdout);
});

runs('an event tells the first packet of a flow that a policy denies', async (t) => {
  const [{ address }, { address: web }] = [pods.get('far')!, pods.get('web')!];
  const told = async (): Promise<readonly string[]> => {
    const events = await lab.control('n1').events({ kind: 'policy-denied' });
    return events
      .filter(({ details: { source, destination } }) => source === address && destination === web)
      .map(({ message }) => message);
  };
  t.false(await reaches('far', 'web'));
  await until('it is told', async () => (await told()).length > 0);
  const [first] = await told();
  t.true(
    first!.startsWith(`icmp from ${address} to ${web} `) && first!.includes('ingress, isolated by shop/web'),
    first,
  );
  t.false(await reaches('far', 'web'));
  t.deepEqual(await told(), [first]);
});

runs('a label that a pod of another node gets lets it in', async (t) => {
  tellPod('n2', 'far', { app: 'near' });
  await untilReaches('far', 'web');
  tellPod('n2', 'far', { app: 'far' });
  await untilDenied('far', 'web');
  t.pass();
});

runs('a pod of another node that has more labels than are told is let in by none of them', async (t) => {
  const nobodyKeeps = { podSelector: { matchExpressions: [{ key: 'zone', operator: 'DoesNotExist' }] } };
  const spec = { podSelector: { matchLabels: { app: 'web' } }, ingress: [{ from: [nobodyKeeps] }] };
  tell({ resource: 'networkpolicies', object: { metadata: { namespace: 'shop', name: 'web' }, spec } as never });
  await untilReaches('far', 'web');
  // In order of their keys, the last one is not told.
  const many = Object.fromEntries(Array.from({ length: 70 }, (_, at) => [`app-${at}`, 'x']));
  tellPod('n2', 'far', { ...many, zone: 'inner' });
  await untilDenied('far', 'web');
  t.like(await explain('far'), { fate: 'dropped', reason: 'policy-denied' });
  tellPod('n2', 'far', { app: 'far' });
  await untilReaches('far', 'web');
  tellPolicy('web', { app: 'near' });
  await untilDenied('far', 'web');
});

runs('a pod that is made under a policy is never open', async (t) => {
  tellPolicy('late');
  tellPod('n1', 'late', { app: 'late' });
  // Addresses are given out one after the other: it is tried from before the pod is there.
  const [, , , last] = pods.get('near')!.address.split('.');
  const next = pods.get('near')!.address.replace(/\d+$/, `${Number(last) + 1}`);
  const trying = lab.background(`near`, 'ping', '-n', '-i', '0.01', next);
  await add('n1', 'late');
  t.is(pods.get('late')!.address, next);
  t.false(await reaches('near', 'late'));
  t.regex((await trying.end('SIGINT')).stdout, /, 0 received/);
  removePolicy('late');
  await untilReaches('near', 'late');
});

runs('a pod whose labels are not known is isolated until they are, and that is told', async (t) => {
  let isWaiting = true;
  const waiting = add('n1', 'stranger').finally(() => (isWaiting = false));
  tellPod('n1', 'quick', { app: 'quick' });
  await add('n1', 'quick');
  t.true(isWaiting, 'it delays no other pod');
  await waiting;
  t.false(await reaches('near', 'stranger'));
  t.false(await reaches('stranger', 'near'));
  const { stdout } = await lab.tryAsk('n1', 'events', '--kind', 'policy', '--json');
  t.regex(stdout, /pod shop\/stranger is there, and its labels are not known yet: it is isolated/);
  tellPod('n1', 'stranger', {});
  await untilReaches('near', 'stranger');
});

runs('somebody who takes the rules away finds them back', async (t) => {
  t.false(await reaches('far', 'web'));
  await lab.exec('n1', 'nft', 'delete', 'table', 'inet', 'weft-policy');
  await until('the table is there again', hasTable);
  await untilDenied('far', 'web');
});

runs('a daemon that starts again cuts nothing that is allowed, and counts anew what is denied', async (t) => {
  const denied = async () => (await lab.control('n1').status()).kernel.refused['policy-denied'] ?? 0;
  t.false(await reaches('far', 'web'));
  await until('a denied packet is counted', async () => (await denied()) > 0);
  tellPod('n2', 'far', { app: 'near' });
  await untilReaches('far', 'web');
  const [n1, n2] = daemons;
  await n1!.end('SIGKILL');
  // Nobody tells of pods of n2 for a while.
  n2!.child.kill('SIGSTOP');
  daemons[0] = start('n1');
  await lab.answers('n1');
  n2!.child.kill('SIGCONT');
  const started = daemons[0];
  await until('there is a plan', () =>
    `${started.stdout}${started.stderr}`.includes('policies are enforced from here'),
  );
  await untilReaches('far', 'web');
  t.deepEqual(await lab.control('n1').events({ kind: 'policy-connections-cut' }), []);
  t.is(await denied(), 0);
});

runs('policies hold while no daemon runs, and go when the next one asks no Kubernetes', async (t) => {
  const [n1] = daemons;
  tellPod('n2', 'far', { app: 'far' });
  await untilDenied('far', 'web');
  await n1!.end('SIGKILL');
  tellPolicy('web');
  t.true(await reaches('near', 'web'), 'nobody heard of the change');
  daemons[0] = start('n1');
  await untilDenied('near', 'web');
  await lab.answers('n1');
  await daemons[0].end();
  t.false(await reaches('near', 'web'));
  daemons[0] = lab.daemon('n1');
  await until('the table is gone', async () => !(await hasTable()));
  await untilReaches('near', 'web');
});
