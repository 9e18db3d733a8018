/**
 * Policies of a running cluster, asked on a lab of two nodes with an API server: what is said agrees with what packets do, and counts are those
 * of connections that were made.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import type { PolicyDenialsReport } from '../../src/api/policy-api.ts';
import type { PolicyDetail } from '../../src/cli/policy-detail.ts';
import type { PolicyListing } from '../../src/cli/policy-listing.ts';
import type { ApiPlace } from '../../src/kubernetes/api-place.ts';
import { CniRuntime } from '../support/cni-runtime.ts';
import type { ObjectLine } from '../support/kubernetes-double.ts';
import type { Program } from '../support/program.ts';
import { TestLab } from '../support/test-lab.ts';
import { until } from '../support/until.ts';

/** Of n1 on the underlay. */
const ADDRESS = '198.18.0.1';

const script = fileURLToPath(new URL('../support/kubernetes-script.ts', import.meta.url));

const runs = test.serial;

let lab: TestLab;
let api: Program;
let directory: string;
const daemons: Record<string, Program> = {};
const runtimes: Record<string, CniRuntime> = {};

/** Pods by their names: where they are, and their addresses. */
const pods = new Map<string, { readonly runtime: CniRuntime; readonly address: string }>();

test.before(async () => {
  directory = mkdtempSync(join(tmpdir(), 'weft-policy-list-'));
  lab = await TestLab.up('--nodes', '2', '--pods', '0');
  api = lab.background('n1', process.execPath, script, ADDRESS);
  await until('the API server says where it is', () => api.stdout.includes('\n'));
  writeKubeconfig(JSON.parse(api.stdout) as ApiPlace);
  for (const name of ['n1', 'n2'])
    tell({ resource: 'nodes', object: { metadata: { name, uid: `u-${name}` } as never } });
  tell({ resource: 'namespaces', object: { metadata: { name: 'shop' } } });
  for (const node of ['n1', 'n2']) {
    await lab.tryLab('stop', node);
    daemons[node] = start(node);
    runtimes[node] = new CniRuntime(lab, node);
  }
  await Promise.all([lab.answers('n1'), lab.answers('n2')]);
  for (const [node, name, app] of [
    ['n1', 'web-0', 'web'],
    ['n2', 'web-1', 'web'],
    ['n1', 'near', 'near'],
    ['n2', 'far', 'far'],
  ] as const) {
    tell({
      resource: 'pods',
      object: {
        metadata: { namespace: 'shop', name, uid: `u-${name}`, labels: { app } } as never,
        spec: { nodeName: node },
      },
    });
    await add(node, name);
  }
  tellPolicy('web', 'web', [
    { from: [{ podSelector: { matchLabels: { app: 'near' } } }] },
    { from: [{ podSelector: { matchLabels: { app: 'nobody' } } }] },
  ]);
  await until('far is denied', async () => !(await reaches('far', 'web-0')));
  await until('far is denied', async () => !(await reaches('far', 'web-1')));
  await until('near is not', async () => reaches('near', 'web-1'));
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

/** Who may reach pods of an app. */
function tellPolicy(name: string, app: string, ingress: readonly object[]): void {
  const spec = { podSelector: { matchLabels: { app } }, policyTypes: ['Ingress'], ingress };
  tell({ resource: 'networkpolicies', object: { metadata: { namespace: 'shop', name }, spec } as never });
}

async function add(node: string, name: string): Promise<void> {
  const runtime = runtimes[node]!;
  await runtime.make(name);
  const CNI_ARGS = `IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=${name};K8S_POD_UID=u-${name}`;
  const { ips } = await runtime.add({ container: name, env: { CNI_ARGS } });
  pods.set(name, { runtime, address: ips[0]!.address.split('/')[0]! });
}

/** By one ping: a connection of its own. */
async function reaches(from: string, to: string): Promise<boolean> {
  return await pods.get(from)!.runtime.reaches(from, pods.get(to)!.address);
}

async function list(node: string): Promise<PolicyListing> {
  return JSON.parse((await lab.tryAsk(node, 'policy', 'list', '--json')).stdout) as PolicyListing;
}

async function show(node: string, policy = 'shop/web'): Promise<PolicyDetail> {
  return JSON.parse((await lab.tryAsk(node, 'policy', 'show', policy, '--json')).stdout) as PolicyDetail;
}

/** Of the first rule. */
async function countOf(node: string): Promise<number> {
  return (await show(node)).rules[0]!.count;
}

runs('a list says whom a policy selects, in the cluster and here', async (t) => {
  const { node, policies, missing } = await list('n1');
  t.is(node, 'n1');
  t.like(policies, [
    { policy: 'shop/web', source: 'kubernetes', state: 'enforced', pods: { all: 2, own: 1, unknown: 0 } },
  ]);
  t.deepEqual(missing, []);
});

runs('each connection counts once, whichever node is asked', async (t) => {
  const before = await countOf('n1');
  for (const to of ['web-0', 'web-1', 'web-0', 'web-1', 'web-1']) t.true(await reaches('near', to));
  await until('all are counted', async () => (await countOf('n1')) === before + 5);
  await until('the other node says the same', async () => (await countOf('n2')) === before + 5);
  const { rules, others } = await show('n1');
  t.deepEqual([...rules[0]!.nodes], ['n1', 'n2']);
  t.true(Date.parse(rules[0]!.last) > Date.parse(rules[0]!.since));
  t.true(others[0]!.count > 0, 'what was denied counts, too');
  const { stdout } = await lab.tryAsk('n1', 'drops', '--by', 'policy', '--json');
  const { nodes } = JSON.parse(stdout) as PolicyDenialsReport;
  t.is(
    nodes.flatMap(({ policies }) => policies).reduce((sum, { packets }) => sum + packets, 0),
    others[0]!.count,
  );
});

runs('a rule that never matched stands out, and a rule is told with what it means', async (t) => {
  const { rules } = await show('n2');
  t.like(rules, [
    { place: 'ingress[0].from[0]', meaning: 'pods app=near of shop', peers: 1 },
    { place: 'ingress[1].from[0]', meaning: 'pods app=nobody of shop', peers: 0, count: 0, last: '' },
  ]);
  const { stdout } = await lab.tryAsk('n1', 'policy', 'show', 'shop/web');
  t.regex(stdout, /\ningress\[1\]\.from\[0\] +allow +pods app=nobody of shop +0 +0 +never\n/);
});

runs('counts go on when other rules come and go', async (t) => {
  const before = await countOf('n1');
  tellPolicy('other', 'web', [{ from: [{ podSelector: { matchLabels: { app: 'other' } } }] }]);
  await until('it is there', async () => (await list('n1')).policies.length === 2);
  t.true(await reaches('near', 'web-0'));
  tell({ resource: 'networkpolicies', object: { metadata: { namespace: 'shop', name: 'other' } }, isGone: true });
  await until('it is gone', async () => (await list('n1')).policies.length === 1);
  t.true(await reaches('near', 'web-0'));
  await until('both are counted', async () => (await countOf('n1')) === before + 2);
  t.pass();
});

runs('what is said of two pods is what packets do, also of policies that files would put in their place', async (t) => {
  for (const from of ['near', 'far', 'web-0']) {
    for (const to of ['web-0', 'web-1', 'near', 'far'].filter((name) => name !== from)) {
      const { exitCode } = await lab.tryAsk('n1', 'policy', 'test', `shop/${from}`, `shop/${to}`, '--proto', 'icmp');
      t.is(exitCode === 0, await reaches(from, to), `${from} ${to}`);
    }
  }
  const file = join(directory, 'open.yaml');
  writeFileSync(file, 'apiVersion: v1\nkind: Namespace\nmetadata: { name: shop }\n');
  const { exitCode } = await lab.tryAsk('n1', 'policy', 'test', 'shop/far', 'shop/web-0', '--files', file);
  t.is(exitCode, 0);
});

runs('a daemon that starts again counts anew, says since when, and others are not touched', async (t) => {
  const { rules } = await show('n2');
  await daemons['n1']!.end('SIGKILL');
  daemons['n1'] = start('n1');
  await lab.answers('n1');
  await until('n1 counts', async () => (await show('n2')).rules[0]!.nodes.length === 2);
  const after = (await show('n2')).rules[0]!;
  t.true(after.since > rules[0]!.since);
  t.true(after.count < rules[0]!.count);
  t.true(await reaches('near', 'web-0'));
  await until('one more is counted', async () => (await countOf('n2')) === after.count + 1);
});
