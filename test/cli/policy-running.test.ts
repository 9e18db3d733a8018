/** `weft policy` of a running cluster: a daemon that tells of the shop, and the command line as a process. */
import { execFile } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { PolicyReport } from '../../src/api/policy-api.ts';
import { policyMatrix, type PolicyTest, testPolicies } from '../../src/cli/policy-answer.ts';
import { formatPolicyMatrix } from '../../src/cli/policy-matrix-view.ts';
import { clusterOf, endOf, readFileCluster } from '../../src/cli/policy-question.ts';
import { checkRunning } from '../../src/cli/policy-remarks.ts';
import { ControlServer } from '../../src/daemon/control/control-server.ts';
import { ConflictError } from '../../src/errors.ts';
import { fixedHandlers } from '../support/fixed-handlers.ts';
import { shopDirectory } from '../support/shop-files.ts';
import { shopReport } from '../support/shop-report.ts';

const main = join(import.meta.dirname, '..', '..', 'src', 'cli', 'main.ts');
const directory = shopDirectory();
const report = shopReport(directory);
let sockets = 0;
test.after.always(() => rmSync(directory, { recursive: true }));

/** Runs the command line, which asks a daemon that answers this. */
async function policy(t: ExecutionContext, policies: () => PolicyReport, ...argv: readonly string[]) {
  const socketPath = join(directory, `${sockets++}.sock`);
  const handlers = { ...fixedHandlers().handlers, policies };
  const server = await ControlServer.open({ socketPath, readOnly: true, handlers, most: () => 8 });
  t.teardown(async () => server.close());
  return await weft('--socket', socketPath, 'policy', ...argv);
}

async function weft(...argv: readonly string[]) {
  return await new Promise<{ exitCode: number; stdout: string; stderr: string }>((resolve) => {
    const child = execFile(process.execPath, [main, ...argv], { cwd: directory }, (_error, stdout, stderr) => {
      resolve({ exitCode: child.exitCode ?? -1, stdout, stderr });
    });
    child.stdin?.end();
  });
}

/** The same, but for what one pod is like. */
function withPod(name: string, change: Partial<PolicyReport['pods'][number]>): PolicyReport {
  return { ...report, pods: report.pods.map((pod) => (pod.name === name ? { ...pod, ...change } : pod)) };
}

const withoutPolicies = (): PolicyReport => ({ ...report, policies: [] });

const withoutLabels = (): PolicyReport => withPod('db-0', { labels: null });

function refused(): PolicyReport {
  throw new ConflictError('policies-off', 'this node enforces no network policies');
}

test('a running cluster answers as its manifests do', (t) => {
  const files = readFileCluster({ files: [join(directory, 'policies')], pods: join(directory, 'pods.json') });
  const running = clusterOf(report, undefined);
  const of = (cluster: typeof files) => {
    const pods = cluster.pods.pods.filter(({ hostNetwork }) => !hostNetwork);
    return policyMatrix(pods, {}, cluster, []);
  };
  const answer = of(running);
  t.deepEqual(answer, of(files));
  t.true(answer.cells.some(({ open }) => open.length > 0));
  t.true(answer.cells.some(({ open }) => open.length === 0));
});

test('the exit code says whether it is allowed, and nothing stands in the place of files', async (t) => {
  const allowed = await policy(t, () => report, 'test', 'shop/deploy/web', 'shop/db-0', '--dport', '5432');
  t.deepEqual([allowed.exitCode, allowed.stderr], [0, '']);
  t.regex(allowed.stdout, /^ALLOWED: tcp 5432 /);
  const denied = await policy(t, () => report, 'test', '10.244.1.8', 'shop/db-0', '--dport', '5432', '--json');
  t.is(denied.exitCode, 1);
  t.like((JSON.parse(denied.stdout) as PolicyTest).ingress, {
    cause: 'isolated by shop/db, shop/default-deny, no rule matches',
    places: [],
  });
});

test('files are what the policies would be, and pods are those that run', async (t) => {
  const { exitCode, stderr } = await policy(
    t,
    withoutPolicies,
    'test',
    '10.244.1.8',
    'shop/db-0',
    '--files',
    'policies',
  );
  t.is(exitCode, 1);
  t.is(stderr, 'weft: warning: policies are those of files, and pods those of the running cluster, as n1 knows them\n');
  t.is((await policy(t, withoutPolicies, 'test', '10.244.1.8', 'shop/db-0')).exitCode, 0);
});

test('what depends on labels that are not known is unknown, and not denied', async (t) => {
  const { exitCode, stdout } = await policy(
    t,
    withoutLabels,
    'test',
    'shop/deploy/web',
    'shop/db-0',
    '--dport',
    '5432',
  );
  t.is(exitCode, 2);
  t.regex(stdout, /^UNKNOWN: tcp 5432 /);
  t.regex(stdout, /the labels of shop\/db-0 are not known: nodes deny it until they are, and it may be allowed then\n/);
  const cluster = clusterOf(withoutLabels(), undefined);
  const matrix = policyMatrix(cluster.pods.pods, { port: 5432 }, cluster, []);
  t.regex(formatPolicyMatrix(matrix, { widthColumns: 80, colour: false }), /\n\? {4}not known, as labels/);
});

test('what is allowed whatever labels are is allowed', (t) => {
  const cluster = clusterOf({ ...withPod('db-0', { labels: null }), policies: [] }, undefined);
  const [from, to] = ['shop/deploy/web', 'shop/db-0'].map((text) => endOf(text, cluster));
  t.like(testPolicies(from!, to!, {}, cluster), { allowed: true, labelsUnknown: [] });
});

test('a policy that cannot be read denies, and is said', (t) => {
  const policies = report.policies.map((one) =>
    one.object.metadata.name === 'web'
      ? ({ ...one, state: 'closed', problems: ['spec: Forbidden: too long'] } as const)
      : one,
  );
  const cluster = clusterOf({ ...report, policies }, undefined);
  const [from, to] = ['shop/deploy/web', 'shop/db-0'].map((text) => endOf(text, cluster));
  t.false(testPolicies(from!, to!, { port: 5432 }, cluster).allowed);
  t.like(checkRunning({ ...report, policies }).remarks[0], {
    severity: 'error',
    policy: 'shop/web',
    text: 'spec: Forbidden: too long',
  });
});

test('a check of the running cluster finds what one of manifests does', async (t) => {
  const dns = {
    node: 'n2',
    namespace: 'kube-system',
    name: 'coredns-0',
    labels: { 'k8s-app': 'kube-dns' },
    addresses: ['10.244.2.53'],
    ports: [],
  };
  const { exitCode, stdout } = await policy(t, () => ({ ...report, pods: [...report.pods, dns] }), 'check');
  t.is(exitCode, 0);
  t.regex(stdout, /^warning: shop\/default-deny: spec\.egress: DNS is denied to shop\/db-0 and 2 more/);
  t.regex(stdout, /\n3 policies in the running cluster: 1 warning\n$/);
});

test('why an answer may not hold stands beside it', async (t) => {
  const message = 'the Kubernetes API cannot be reached';
  const away = () => ({ ...report, notices: [{ code: 'x', message }] });
  t.is((await policy(t, away, 'matrix', '--json')).stderr, `weft: warning: ${message}\n`);
});

test('two pods of one name are told apart', (t) => {
  const again = { ...report.pods.find(({ name }) => name === 'db-0')!, node: 'n9', addresses: ['10.244.9.9'] };
  const { pods } = clusterOf({ ...report, pods: [...report.pods, again] }, undefined);
  const names = pods.pods.filter(({ name }) => name === 'db-0').map(({ key }) => key);
  t.is(new Set(names).size, 2);
  t.true(names.includes('shop/db-0 (n9, 10.244.9.9)'));
});

test('where there is no answer, the exit code is neither that of allowed nor of denied', async (t) => {
  const { exitCode, stderr } = await policy(t, refused, 'test', 'shop/web', 'shop/db-0');
  t.deepEqual([exitCode, stderr], [2, 'weft: this node enforces no network policies\n']);
  const away = await weft('--socket', join(directory, 'none.sock'), 'policy', 'test', 'a', 'b');
  t.is(away.exitCode, 2);
  t.regex(away.stderr, /; without a daemon, give --files and --pods\n/);
  const lost = await policy(t, () => report, 'test', 'shop/wbe', 'shop/db-0');
  t.regex(lost.stderr, /^weft: no pod shop\/wbe is known to n1: /);
});
