/** `weft policy` of a running cluster: a daemon that tells of the shop, and the command line as a process. */
import { execFile } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { PolicyCounts, PolicyReport, PolicyRuleCounts } from '../../src/api/policy-api.ts';
import { policyMatrix, type PolicyTest, testPolicies } from '../../src/cli/policy-answer.ts';
import { detailPolicy, type PolicyDetail } from '../../src/cli/policy-detail.ts';
import { formatPolicyDrops } from '../../src/cli/policy-drops-view.ts';
import { formatPolicyList } from '../../src/cli/policy-list-view.ts';
import { listPolicies, type PolicyListing } from '../../src/cli/policy-listing.ts';
import { formatPolicyMatrix } from '../../src/cli/policy-matrix-view.ts';
import { clusterOf, endOf, readFileCluster } from '../../src/cli/policy-question.ts';
import { formatPolicyDetail } from '../../src/cli/policy-show-view.ts';
import { checkRunning } from '../../src/cli/policy-remarks.ts';
import { ControlServer } from '../../src/daemon/control/control-server.ts';
import { ConflictError } from '../../src/errors.ts';
import { fixedHandlers, fixedPolicyDenials } from '../support/fixed-handlers.ts';
import { shopDirectory } from '../support/shop-files.ts';
import { shopReport } from '../support/shop-report.ts';

const main = join(import.meta.dirname, '..', '..', 'src', 'cli', 'main.ts');
const directory = shopDirectory();
const report = shopReport(directory);
let sockets = 0;
test.after.always(() => rmSync(directory, { recursive: true }));

const missing = [{ node: 'n3', code: 'remote-unreachable', message: 'it does not answer' }];
const since = '2026-01-01T00:00:00.000Z';
const counts: PolicyCounts = {
  policies: [
    { policy: 'shop/web', allowed: 120, denied: 7, audited: 0, last: '2026-01-01T00:59:55.000Z' },
    { policy: 'shop/default-deny', allowed: 0, denied: 7, audited: 0, last: '2026-01-01T00:50:00.000Z' },
  ],
  missing,
};
const use = { since, last: '', nodes: ['n1', 'n2'], count: 0 } as const;
const ruleCounts: PolicyRuleCounts = {
  rules: [
    {
      ...use,
      rule: 'shop/web ingress[0]',
      place: 'ingress[0]',
      direction: 'ingress',
      effect: 'allowed',
      count: 120,
      last: '2026-01-01T00:59:55.000Z',
    },
    { ...use, rule: 'shop/web egress[0].to[0]', place: 'egress[0].to[0]', direction: 'egress', effect: 'allowed' },
    {
      ...use,
      rule: 'isolated by shop/default-deny, shop/web, no rule matches',
      place: '',
      direction: 'egress',
      effect: 'denied',
      count: 7,
      last: '2026-01-01T00:50:00.000Z',
    },
  ],
  missing,
};
const nowMs = Date.parse('2026-01-01T01:00:00.000Z');
const terminal = { widthColumns: 80, colour: false };

/** Runs the command line, which asks a daemon that answers this. */
async function policy(t: ExecutionContext, policies: () => PolicyReport, ...argv: readonly string[]) {
  return await asked(t, policies, 'policy', ...argv);
}

async function asked(t: ExecutionContext, policies: () => PolicyReport, ...argv: readonly string[]) {
  const socketPath = join(directory, `${sockets++}.sock`);
  const handlers = {
    ...fixedHandlers().handlers,
    policies,
    policyCounts: async () => Promise.resolve(counts),
    policyRules: async (title: string) =>
      Promise.resolve(title === 'shop/web' ? ruleCounts : { rules: [], missing: [] }),
  };
  const server = await ControlServer.open({ socketPath, readOnly: true, handlers, most: () => 8 });
  t.teardown(async () => server.close());
  return await weft('--socket', socketPath, ...argv);
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
  throw new ConflictError('policies-unknown', 'which network policies there are is not known yet');
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

test('whoever asks for a port by its name is told whether there is none, or that it is not known', async (t) => {
  const asking = async (pods: PolicyReport) =>
    await policy(t, () => pods, 'test', '10.244.1.8', 'shop/db-0', '--dport', 'admin');
  t.regex((await asking(report)).stderr, /--dport: shop\/db-0 has no port admin, only sql/);
  t.regex(
    (await asking(withPod('db-0', { hasMorePorts: true }))).stderr,
    /--dport: not all ports of shop\/db-0 are known: give the number/,
  );
});

test('a pod with the network of its node sends as the node, by either of its addresses, and no selector finds it', async (t) => {
  const overlayAddresses = ['10.244.1.1'];
  const nodes = report.nodes.map((node) => (node.name === 'n1' ? { ...node, overlayAddresses } : node));
  const asking = async (from: object): Promise<PolicyTest> => {
    const manifest = {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'NetworkPolicy',
      metadata: { name: 'db', namespace: 'shop' },
      spec: { podSelector: { matchLabels: { app: 'db' } }, ingress: [{ from: [from] }] },
    } as const;
    const policies = [{ source: 'kubernetes', object: manifest, state: 'enforced', problems: [] } as const];
    const told = (): PolicyReport => ({ ...report, nodes, policies });
    return JSON.parse(
      (await policy(t, told, 'test', 'kube-system/kube-proxy-n1', 'shop/db-0', '--json')).stdout,
    ) as PolicyTest;
  };
  const underlay = await asking({ ipBlock: { cidr: '192.168.7.1/32' } });
  t.like(underlay, {
    allowed: true,
    source: { pod: 'kube-system/kube-proxy-n1', address: '10.244.1.1' },
    notes: ['kube-system/kube-proxy-n1 has the network of its node: policies take it for the node'],
  });
  t.true((await asking({ ipBlock: { cidr: '10.244.1.1/32' } })).allowed);
  t.false((await asking({ namespaceSelector: {} })).allowed);
});

test('pods of one name at several nodes are told apart by their nodes', async (t) => {
  const db = report.pods.find(({ name }) => name === 'db-0')!;
  const other = { ...db, node: 'elsewhere', addresses: ['10.244.9.9'], labels: { app: 'nothing' } };
  const several = (): PolicyReport => ({ ...report, pods: [...report.pods, other] });
  const asking = async (destination: string) =>
    await policy(t, several, 'test', 'shop/deploy/web', destination, '--dport', '80', '--json');
  const ambiguous = await asking('shop/db-0');
  t.is(ambiguous.exitCode, 2);
  t.is(
    ambiguous.stderr,
    `weft: there are several pods shop/db-0: say which of elsewhere/shop/db-0, ${db.node}/shop/db-0\n`,
  );
  const addressOf = async (destination: string) =>
    (JSON.parse((await asking(destination)).stdout) as PolicyTest).destination.address;
  t.is(await addressOf('elsewhere/shop/db-0'), '10.244.9.9');
  t.is(await addressOf(`${db.node}/shop/db-0`), db.addresses[0]!);
  t.regex((await asking('elsewhere/shop/nobody')).stderr, /no pod elsewhere\/shop\/nobody/);
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
  t.regex(formatPolicyMatrix(matrix, terminal), /\n\? {4}not known, as labels/);
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
    hasMorePorts: false,
    hostNetwork: false,
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
  t.deepEqual([exitCode, stderr], [2, 'weft: which network policies there are is not known yet\n']);
  const away = await weft('--socket', join(directory, 'none.sock'), 'policy', 'test', 'a', 'b');
  t.is(away.exitCode, 2);
  t.regex(away.stderr, /; without a daemon, give --files and --pods\n/);
  const lost = await policy(t, () => report, 'test', 'shop/wbe', 'shop/db-0');
  t.regex(lost.stderr, /^weft: no pod shop\/wbe is known to n1: /);
});

test('a list has whom policies select and what they did, and which nodes did not say', async (t) => {
  const text = formatPolicyList(listPolicies(report, counts, undefined), terminal, nowMs);
  t.is(
    text,
    `
POLICY             DIRECTION  STATE     PODS  HERE  ALLOWED  DENIED  LAST USE
shop/db            ingress    enforced     1     0        0       0  never
shop/default-deny  both       enforced     3     1        0       7  10 m ago
shop/web           both       enforced     2     1      120       7  5 s ago

HERE: pods of n1. ALLOWED are connections, DENIED packets (of audit mode: that
it would deny), of all nodes, since their daemons started or the rules came;
weft policy show NAME has them rule by rule
notice not counted: n3: it does not answer
`.slice(1),
  );
  const { stdout } = await policy(t, () => report, 'list', '--namespace', 'shop', '--json');
  t.like(JSON.parse(stdout) as PolicyListing, {
    node: 'n1',
    policies: [
      { policy: 'shop/db', tier: 'namespace', pods: { all: 1, own: 0, unknown: 0 } },
      { policy: 'shop/default-deny' },
      { allowed: 120 },
    ],
    missing,
  });
  t.regex((await policy(t, () => report, 'list', '--namespace', 'none')).stdout, /^no network policies in none\n/);
});

test('a list says tiers, audit mode, and what is closed or selects nothing', (t) => {
  const guard = {
    source: 'kubernetes',
    state: 'enforced',
    problems: [],
    object: {
      apiVersion: 'policy.networking.k8s.io/v1beta1',
      kind: 'ClusterNetworkPolicy',
      metadata: { name: 'guard', annotations: { 'weft.dev/policy-mode': 'audit' } },
      spec: {
        tier: 'Admin',
        priority: 10,
        subject: { namespaces: { matchLabels: { team: 'red' } } },
        ingress: [{ name: 'no', action: 'Deny', from: [{ namespaces: {} }] }],
      },
    },
  } as const;
  const [first, ...rest] = report.policies;
  const odd = { ...first!, state: 'closed', problems: ['spec: Forbidden: too long'] } as const;
  const counted = { policies: [{ policy: 'guard', allowed: 0, denied: 0, audited: 5, last: since }], missing: [] };
  const changed = { ...report, policies: [guard, odd, ...rest] };
  const text = formatPolicyList(listPolicies(changed, counted, undefined), terminal, nowMs);
  t.regex(text, /\nguard +admin 10 +ingress +audit +0 +0 +0 +\(5\) +1 h ago\n/);
  t.regex(text, /\nshop\/default +- +both +closed /);
  t.regex(text, /\nshop\/default-deny cannot be read, and denies everything: spec: Forbidden: too\nlong\n/);
  const shown = formatPolicyDetail(detailPolicy(changed, { rules: [], missing: [] }, 'guard'), terminal, nowMs);
  t.is(
    shown,
    `
guard  ClusterNetworkPolicy of tier admin 10 from kubernetes, audit
  judges all pods of namespaces team=red in ingress
  selects no pod

RULE                DOES  WHOM                        PEERS  COUNT  LAST USE
ingress[0].from[0]  deny  all pods of all namespaces      ${report.pods.filter(({ hostNetwork }) => !hostNetwork).length}      -  -
                          "no"

no node counts it: it judges no pod
`.slice(1),
  );
});

test('each rule of a policy is shown with what it means and did, and those that never matched stand out', async (t) => {
  const text = formatPolicyDetail(detailPolicy(report, ruleCounts, 'shop/web'), terminal, nowMs);
  t.is(
    text,
    `
shop/web  NetworkPolicy from kubernetes, enforced
  isolates pods app=web of shop in ingress and egress
  selects 2, 1 here
  shop/web-6d4c5b7f9-bx2lq (n1), shop/web-6d4c5b7f9-r7tjw (n2)

RULE             DOES   WHOM                           PEERS  COUNT  LAST USE
ingress[0]       allow  anybody, tcp http                  -    120  5 s ago
egress[0].to[0]  allow  pods app=db of shop, tcp 5432      1      0  never

DENIED WITHOUT A RULE                               DIRECTION  PACKETS  LAST
isolated by shop/default-deny, shop/web, no rule    egress           7  10 m ago
matches

counted by 2 nodes for 1 h 0 m or longer: connections that a rule allows or
passes, and packets that one denies or, in audit mode, (would deny); a last use
may be 10 s older
notice not counted: n3: it does not answer
`.slice(1),
  );
  const coloured = formatPolicyDetail(
    detailPolicy(report, ruleCounts, 'shop/web'),
    { ...terminal, colour: true },
    nowMs,
  );
  t.true(coloured.includes('\u001b[33mnever\u001b[39m'));
  const { stdout } = await policy(t, () => report, 'show', 'shop/web', '--json');
  t.like(JSON.parse(stdout) as PolicyDetail, {
    rules: [{ count: 120 }, { count: 0, last: '', peers: 1, nodes: ['n1', 'n2'] }],
    pods: [
      { pod: 'shop/web-6d4c5b7f9-bx2lq', known: true },
      { node: 'n2', known: true },
    ],
  });
});

test('what policies denied is told rule by rule and node by node', async (t) => {
  const denials = {
    nodes: [
      {
        node: 'n1',
        since,
        policies: [{ rule: 'isolated by shop/web, no rule matches', direction: 'ingress', packets: 3 }],
      },
      { node: 'n2', since, policies: [{ rule: 'guard ingress[0]', direction: 'ingress', packets: 40 }] },
    ],
    missing,
  } as const;
  t.is(
    formatPolicyDrops(denials, terminal),
    `
POLICY                                 DIRECTION  NODE  PACKETS
guard ingress[0]                       ingress    n2         40
isolated by shop/web, no rule matches  ingress    n1          3

since the daemons started (UTC): n1 2026-01-01T00:00:00, n2 2026-01-01T00:00:00
notice not counted: n3: it does not answer
`.slice(1),
  );
  t.regex(
    formatPolicyDrops({ nodes: [{ node: 'n1', since, policies: [] }], missing: [] }, terminal),
    /^network policies denied nothing\nsince /,
  );
  const refused = await weft('drops', '--by', 'policy', '--watch');
  t.deepEqual([refused.exitCode, refused.stderr.split(':')[1]], [2, ' --by policy and --watch contradict each other']);
  const { stdout } = await asked(t, () => report, 'drops', '--by', 'policy', '--json');
  t.deepEqual(JSON.parse(stdout), JSON.parse(JSON.stringify(fixedPolicyDenials)));
});

test('nodes without room for the rules are said', (t) => {
  const full = { ...ruleCounts.rules[2]!, rule: 'isolated by (too-many-rules), shop/web, no rule matches' };
  const text = formatPolicyDetail(detailPolicy(report, { rules: [full], missing: [] }, 'shop/web'), terminal, nowMs);
  t.regex(text, /\nits rules are not asked at n1, n2: there is no room for them/);
});

test('a policy that is not there is told with the one that was probably meant', async (t) => {
  const { exitCode, stderr } = await policy(t, () => report, 'show', 'web');
  t.deepEqual([exitCode, stderr], [2, 'weft: no policy web is known to n1: did you mean shop/web?\n']);
});
