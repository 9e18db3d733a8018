/**
 * Policies of a running cluster, asked on a lab of two nodes with an API server: what is said agrees with what packets do, and counts are those
 * of connections that were made.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import type { PolicyDenialsReport } from '../../src/api/policy-api.ts';
import type { PolicyDetail } from '../../src/cli/policy-detail.ts';
import type { PolicyListing } from '../../src/cli/policy-listing.ts';
import { KubernetesLab } from '../support/kubernetes-lab.ts';
import type { TestLab } from '../support/test-lab.ts';
import { until } from '../support/until.ts';

const runs = test.serial;

let cluster: KubernetesLab;
let lab: TestLab;

test.before(async () => {
  cluster = await KubernetesLab.up(['shop']);
  ({ lab } = cluster);
  for (const [node, name, app] of [
    ['n1', 'web-0', 'web'],
    ['n2', 'web-1', 'web'],
    ['n1', 'near', 'near'],
    ['n2', 'far', 'far'],
  ] as const) {
    cluster.tellPod(node, name, { app });
    await cluster.attach(node, name);
  }
  tellPolicy('web', 'web', [
    { from: [{ podSelector: { matchLabels: { app: 'near' } } }] },
    { from: [{ podSelector: { matchLabels: { app: 'nobody' } } }] },
  ]);
  await cluster.untilDenied('far', 'web-0');
  await cluster.untilDenied('far', 'web-1');
  await cluster.untilReaches('near', 'web-1');
});

test.after.always(async () => cluster?.down());

/** Who may reach pods of an app. */
function tellPolicy(name: string, app: string, ingress: readonly object[]): void {
  cluster.tellPolicy(name, { podSelector: { matchLabels: { app } }, policyTypes: ['Ingress'], ingress });
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
  for (const to of ['web-0', 'web-1', 'web-0', 'web-1', 'web-1']) t.true(await cluster.reaches('near', to));
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
  t.true(await cluster.reaches('near', 'web-0'));
  cluster.removePolicy('other');
  await until('it is gone', async () => (await list('n1')).policies.length === 1);
  t.true(await cluster.reaches('near', 'web-0'));
  await until('both are counted', async () => (await countOf('n1')) === before + 2);
  t.pass();
});

runs('what is said of two pods is what packets do, also of policies that files would put in their place', async (t) => {
  for (const from of ['near', 'far', 'web-0']) {
    for (const to of ['web-0', 'web-1', 'near', 'far'].filter((name) => name !== from)) {
      const { exitCode } = await lab.tryAsk('n1', 'policy', 'test', `shop/${from}`, `shop/${to}`, '--proto', 'icmp');
      t.is(exitCode === 0, await cluster.reaches(from, to), `${from} ${to}`);
    }
  }
  const file = join(cluster.directory, 'open.yaml');
  writeFileSync(file, 'apiVersion: v1\nkind: Namespace\nmetadata: { name: shop }\n');
  const { exitCode } = await lab.tryAsk('n1', 'policy', 'test', 'shop/far', 'shop/web-0', '--files', file);
  t.is(exitCode, 0);
});

runs('a daemon that starts again counts anew, says since when, and others are not touched', async (t) => {
  const { rules } = await show('n2');
  await cluster.daemon('n1').end('SIGKILL');
  cluster.start('n1');
  await lab.answers('n1');
  await until('n1 counts', async () => (await show('n2')).rules[0]!.nodes.length === 2);
  const after = (await show('n2')).rules[0]!;
  t.true(after.since > rules[0]!.since);
  t.true(after.count < rules[0]!.count);
  t.true(await cluster.reaches('near', 'web-0'));
  await until('one more is counted', async () => (await countOf('n2')) === after.count + 1);
});
