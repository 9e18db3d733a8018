/** Policies without Kubernetes: given at one node of a lab, enforced at all, also by nodes that were away, and after a restart. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import type { GiveReport } from '../../src/api/rulebook-api.ts';
import type { PolicyReport } from '../../src/api/policy-api.ts';
import { TestLab } from '../support/test-lab.ts';
import { until } from '../support/until.ts';

const web = '10.244.1.2';
const nodes = ['n1', 'n2', 'n3'] as const;
const apps = { n1: 'web', n2: 'client', n3: 'other' } as const;

/** What is asked for; a busy machine takes its time to start programs. */
const SPREAD_MS = 2_000;

let lab: TestLab;
const directory = mkdtempSync(join(tmpdir(), 'weft-policy-'));

/** Only pods with this label reach the pod with `app: web`. */
function policy(app: string): string {
  return `apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: web
spec:
  podSelector: { matchLabels: { app: web } }
  policyTypes: [Ingress]
  ingress:
    - from:
        - podSelector: { matchLabels: { app: ${app} } }
`;
}

function file(name: string, text: string): string {
  const path = join(directory, name);
  writeFileSync(path, text);
  return path;
}

async function ask(node: string, ...args: readonly string[]): Promise<string> {
  return (await lab.tryAsk(node, 'policy', ...args)).succeeded();
}

/** Waits until a pod reaches the web pod, or does not. */
async function untilReaches(node: string, wanted: boolean, withinMs?: number): Promise<void> {
  await until(
    `${node} ${wanted ? 'reaches' : 'does not reach'} the web pod`,
    async () => (await lab.reaches(`${node}-p1`, web, 1)) === wanted,
    withinMs,
  );
}

/** Titles of policies that a node knows, with where they were given. */
async function known(node: string): Promise<readonly string[]> {
  const { policies } = await lab.control(node).policies();
  return policies.map(({ object, source, given }) => `${object.metadata.name} ${source} ${given?.node}`);
}

async function objectAt(node: string): Promise<string> {
  return JSON.stringify((await lab.control(node).policies()).policies.map(({ object }) => object));
}

/** Gives its label to the pod of a node; again does no harm. */
async function addPod(node: keyof typeof apps): Promise<void> {
  const netns = `/run/netns/${lab.name}-${node}-p1`;
  await lab.control(node).addPod('p1', { netns, labels: { app: apps[node] } });
}

async function hasTable(node: string): Promise<boolean> {
  return (await lab.exec(node, 'nft', 'list', 'tables')).includes('weft-policy');
}

test.before(async () => {
  lab = await TestLab.up('--nodes', '3', '--pods', '1');
  for (const node of nodes) await addPod(node);
});

test.after.always(async () => {
  rmSync(directory, { recursive: true, force: true });
  await lab?.down();
});

test.serial('without policies there is no table for them, and all is open', async (t) => {
  for (const node of nodes) t.false(await hasTable(node));
  for (const node of ['n2', 'n3']) await untilReaches(node, true);
  const report: PolicyReport = await lab.control('n3').policies();
  t.deepEqual(report.policies, []);
  await until('the labels of others are known', async () => {
    const { pods } = await lab.control('n3').policies();
    return pods.some(({ node, labels: of }) => node === 'n2' && of?.['app'] === 'client');
  });
});

test.serial('a policy that is given at one node is enforced at another within two seconds', async (t) => {
  const given = await ask('n3', 'apply', '-f', file('web.yaml', policy('client')));
  t.is(given, 'networkpolicy default/web created\n');
  await until('n1 has rules', async () => hasTable('n1'), SPREAD_MS);
  await untilReaches('n3', false);
  await untilReaches('n2', true);
  t.deepEqual(await known('n1'), ['web rulebook n3']);
  t.is(await ask('n1', 'apply', '-f', directory), 'networkpolicy default/web unchanged\n');
});

test.serial('a service that is given at one node is held by all, and no policy changes', async (t) => {
  const service =
    '{"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": "shop"}, "spec": {"ports": [{"port": 80}]}}';
  const path = file('service.json', service);
  t.is(await ask('n3', 'apply', '-f', path), 'service shop/web created\n');
  await until(
    'n1 holds the service',
    async () => (await ask('n1', 'apply', '-f', path)) === 'service shop/web unchanged\n',
    SPREAD_MS,
  );
  rmSync(path);
  t.deepEqual(await known('n1'), ['web rulebook n3']);
  t.is(await ask('n2', 'delete', '--service', 'shop/web'), 'service shop/web deleted\n');
});

test.serial('of several objects none is given if one is wrong', async (t) => {
  const text = `${policy('other')}---\n${policy('client').replace('name: web', 'name: db').replace('Ingress', 'Inwards')}`;
  const path = file('wrong.yaml', text);
  const { exitCode, stderr } = await lab.tryAsk('n1', 'policy', 'apply', '-f', path);
  rmSync(path);
  t.not(exitCode, 0);
  t.regex(stderr, /wrong\.yaml:\d+: error: default\/db: spec\.policyTypes\[0\]: Unsupported value: "Inwards"/);
  t.deepEqual(await known('n1'), ['web rulebook n3']);
  t.false(await lab.reaches('n3-p1', web, 1));
});

test.serial('a node that restarts enforces what its disk has, also if it is alone', async (t) => {
  for (const node of ['n2', 'n3']) await lab.lab('cut', 'n1', node);
  await lab.lab('kill', 'n1');
  await lab.exec('n1', 'nft', 'delete', 'table', 'inet', 'weft-policy');
  await lab.lab('start', 'n1');
  await lab.answers('n1');
  await until('n1 knows it', async () => (await known('n1')).length === 1);
  // Pods of others, whom nobody hears, are waited for; for two seconds at most while a pod is made.
  await addPod('n1');
  await until('its rules are there', async () => hasTable('n1'));
  t.deepEqual(await known('n1'), ['web rulebook n3']);
  for (const node of ['n2', 'n3']) await lab.lab('heal', 'n1', node);
  await untilReaches('n2', true, 60_000);
  await untilReaches('n3', false);
});

test.serial('a node that was away hears of what changed meanwhile', async (t) => {
  await lab.lab('stop', 'n1');
  t.is(await ask('n2', 'apply', '-f', file('web.yaml', policy('other'))), 'networkpolicy default/web configured\n');
  await lab.lab('start', 'n1');
  await lab.answers('n1');
  await untilReaches('n3', true, 60_000);
  await untilReaches('n2', false);
  t.deepEqual(await known('n1'), ['web rulebook n2']);
});

test.serial('what is given at two nodes at once is the same one everywhere', async (t) => {
  const objects = ['client', 'other'].map((app) => ({
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { name: 'web' },
    spec: {
      podSelector: { matchLabels: { app: 'web' } },
      policyTypes: ['Ingress'],
      ingress: [{ from: [{ podSelector: { matchLabels: { app, turn: 'x' } } }] }],
    },
  }));
  const reports: GiveReport[] = await Promise.all(
    objects.map(async (object, index) => lab.control(nodes[index]!).givePolicies({ apply: [object] })),
  );
  t.true(reports.every(({ results }) => results[0]!.outcome === 'configured'));
  await until('all hold the same', async () => {
    const held = await Promise.all(nodes.map(objectAt));
    return new Set(held).size === 1 && held[0]!.includes('turn');
  });
});

test.serial('a policy that is deleted is enforced nowhere', async (t) => {
  t.is(await ask('n2', 'delete', 'default/web'), 'networkpolicy default/web deleted\n');
  for (const node of ['n2', 'n3']) await untilReaches(node, true);
  for (const node of nodes) await until(`${node} knows none`, async () => (await known(node)).length === 0);
  const again = await lab.tryAsk('n1', 'policy', 'delete', 'default/web');
  t.is(again.exitCode, 1);
  t.is(again.stdout, 'networkpolicy default/web not found\n');
  const bare = await lab.tryAsk('n1', 'policy', 'delete', 'web');
  t.is(bare.exitCode, 1);
  t.regex(bare.stderr, /^no ClusterNetworkPolicy is called web; .*: default\/web\n$/);
});
