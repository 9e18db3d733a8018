/** `weft policy` with files, but for the command line: what is read, what is answered, and how people see it. */
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { policyMatrix, testPolicies } from '../../src/cli/policy-answer.ts';
import { formatPolicyCheck } from '../../src/cli/policy-check-view.ts';
import { readPolicyFiles } from '../../src/cli/policy-files.ts';
import { chooseMatrixPods } from '../../src/cli/policy-matrix-pods.ts';
import { formatPolicyMatrix, mostColumns } from '../../src/cli/policy-matrix-view.ts';
import { readPodFile } from '../../src/cli/policy-pods.ts';
import { type AskedTraffic, endOf, readFileCluster, trafficOf } from '../../src/cli/policy-question.ts';
import { checkPolicies } from '../../src/cli/policy-remarks.ts';
import { formatPolicyTest } from '../../src/cli/policy-test-view.ts';
import { podObject, shopDirectory, writePods } from '../support/shop-files.ts';

const terminal = { widthColumns: 80, colour: false };

const directory = shopDirectory();
const others: string[] = [];
test.after.always(() => {
  for (const one of [directory, ...others]) rmSync(one, { recursive: true });
});

/** Places without the directory, which has another name each time. */
function within(text: string, root = directory): string {
  return text.replaceAll(`${root}/`, '');
}

/** A directory of its own, with these policies instead, and maybe these pods. */
function changed(policies: string, pods?: readonly object[]): string {
  const root = shopDirectory();
  others.push(root);
  writeFileSync(join(root, 'policies', 'shop.yaml'), policies);
  if (pods !== undefined) writePods(root, pods);
  return root;
}

const filesOf = (root: string) => ({ files: [join(root, 'policies')], pods: join(root, 'pods.json') });

function answer(from: string, to: string, asked: AskedTraffic = {}, root = directory) {
  const cluster = readFileCluster(filesOf(root));
  return testPolicies(endOf(from, cluster), endOf(to, cluster), asked, cluster);
}

function refusal(t: { throws: (work: () => unknown, expected: object) => Error | undefined }, work: () => unknown) {
  return t.throws(work, { code: 'usage' })!.message;
}

test('what is allowed names the rules of both edges, with their places', (t) => {
  const one = answer('shop/deploy/web', 'shop/db-0', { port: 5432 });
  t.true(one.allowed);
  t.is(
    within(formatPolicyTest(one, terminal)),
    `ALLOWED: tcp 5432 from shop/web-6d4c5b7f9-bx2lq (10.244.1.5) to shop/db-0
(10.244.2.7)

  ok    egress   shop/web egress[0].to[0]
                 policies/shop.yaml:29
  ok    ingress  shop/db ingress[0].from[0]
                 policies/shop.yaml:44

note: shop/web-6d4c5b7f9-bx2lq stands for 2 pods of deploy/web
`,
  );
});

test('what is denied names the policies that isolate, and what else is allowed', (t) => {
  const one = answer('203.0.113.9', 'shop/web-6d4c5b7f9-r7tjw', { protocol: 'UDP', port: 53 });
  t.false(one.allowed);
  t.is(
    within(formatPolicyTest(one, terminal)),
    `DENIED: udp 53 from 203.0.113.9 to shop/web-6d4c5b7f9-r7tjw (10.244.2.9)

  ok    egress   no pod has the address
  DENY  ingress  isolated by shop/default-deny, shop/web, no rule matches
                 policies/shop.yaml:8
                 policies/shop.yaml:17

allowed between them: tcp 8080

note: no pod and no node has 203.0.113.9: it is taken for somebody outside
`,
  );
});

test('who asks about everything is told what of it is allowed', (t) => {
  const one = answer('shop/web-6d4c5b7f9-bx2lq', 'shop/db-0');
  t.like(one, { allowed: false, asked: 'all', open: ['tcp 5432'], judged: 'tcp 1-5431' });
  t.is(
    within(formatPolicyTest(one, { widthColumns: undefined, colour: false })),
    `DENIED in part: of everything from shop/web-6d4c5b7f9-bx2lq (10.244.1.5) to shop/db-0 (10.244.2.7), only tcp 5432 is allowed

tcp 1-5431, for one:
  DENY  egress   isolated by shop/default-deny, shop/web, no rule matches
                 policies/shop.yaml:8
                 policies/shop.yaml:17
  DENY  ingress  isolated by shop/db, shop/default-deny, no rule matches
                 policies/shop.yaml:36
                 policies/shop.yaml:8
`,
  );
  t.like(answer('shop/web-6d4c5b7f9-bx2lq', 'shop/db-0', { protocol: 'ICMP' }), { allowed: false, asked: 'icmp' });
  t.like(answer('10.244.1.8', '203.0.113.9'), { allowed: true, asked: 'all', open: ['all'] });
  t.regex(formatPolicyTest(answer('shop/db-0', '10.244.1.5'), terminal), /^DENIED: everything from /);
});

test('asked about a protocol, only that counts', (t) => {
  const policy = `{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: a, namespace: shop},
    spec: {ingress: [{ports: [{protocol: UDP}, {port: 80}]}]}}`;
  const root = changed(policy);
  t.like(answer('203.0.113.9', 'shop/db-0', { protocol: 'UDP' }, root), { allowed: true, asked: 'udp' });
  const tcp = answer('203.0.113.9', 'shop/db-0', { protocol: 'TCP' }, root);
  t.like(tcp, { allowed: false, open: ['tcp 80', 'udp'] });
  t.regex(
    formatPolicyTest(tcp, { widthColumns: undefined, colour: false }),
    /^DENIED in part: .* only tcp 80 is allowed/,
  );
});

test('a pod and its own node reach each other, by the address that its pods say it has', (t) => {
  t.like(answer('192.168.7.2', 'shop/db-0'), { allowed: true, source: { pod: '', node: 'n2' } });
  t.like(answer('192.168.7.1', 'shop/db-0'), { allowed: false, source: { pod: '', node: 'n1' } });
  const proxy = answer('kube-system/kube-proxy-n1', 'shop/db-0', { port: 80 });
  t.false(proxy.allowed);
  t.deepEqual(proxy.notes, ['kube-system/kube-proxy-n1 has the network of its node: policies take it for the node']);
});

test('a family in which it is denied counts', (t) => {
  const root = changed(`{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: a, namespace: shop},
    spec: {ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8}}]}]}}`);
  const one = answer('shop/web-6d4c5b7f9-bx2lq', 'shop/web-6d4c5b7f9-r7tjw', {}, root);
  t.like(one, { allowed: false, source: { address: 'fd00:1::5' } });
  t.deepEqual(one.notes, ['over IPv4 it is allowed']);
});

test('audit mode lets pass, and is told', (t) => {
  const root = changed(`{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy,
    metadata: {name: a, namespace: shop, annotations: {weft.dev/policy-mode: audit}}, spec: {}}`);
  const one = answer('monitoring/prometheus-0', 'shop/db-0', {}, root);
  t.true(one.allowed);
  t.regex(formatPolicyTest(one, terminal), /audit: it would be denied, isolated by shop\/a, no rule matches\n/);
});

test('a port with a name is that of the destination', (t) => {
  const cluster = readFileCluster(filesOf(directory));
  const [web, db] = ['shop/deploy/web', 'shop/db-0'].map((text) => endOf(text, cluster));
  t.deepEqual(trafficOf({ port: 'http' }, web!), { protocol: 'TCP', first: 8080, last: 8080 });
  t.is(
    refusal(t, () => trafficOf({ port: 'http' }, db!)),
    '--dport: shop/db-0 has no port http, only sql',
  );
  t.regex(
    refusal(t, () => trafficOf({ port: 'http', protocol: 'UDP' }, web!)),
    /has no port http/,
  );
  t.regex(
    refusal(t, () => trafficOf({ port: 80, protocol: 'ICMP' }, web!)),
    /^--dport: icmp has no ports/,
  );
  t.regex(
    refusal(t, () => trafficOf({ port: 'http' }, endOf('203.0.113.9', cluster))),
    /which is no pod, has no port/,
  );
});

test('a name that fits nobody says who was probably meant', (t) => {
  t.regex(
    refusal(t, () => answer('shop/db-1', 'shop/db-0')),
    /^no pod shop\/db-1 .*: did you mean shop\/db-0\?$/,
  );
  t.regex(
    refusal(t, () => answer('db-0', 'shop/db-0')),
    /^no pod db-0 .*: did you mean shop\/db-0\?$/,
  );
  t.regex(
    refusal(t, () => answer('nobody', 'shop/db-0')),
    /: it is written NAMESPACE\/POD, NODE\/POD, deploy\/NAME or as an address$/,
  );
  t.regex(
    refusal(t, () => answer('shop/migrate-x', 'shop/db-0')),
    /^no pod shop\/migrate-x/,
  );
});

test('ends without a family in common are no question', (t) => {
  t.regex(
    refusal(t, () => answer('2001:db8::9', 'shop/db-0')),
    /^nothing can begin between IPv6 and IPv4/,
  );
});

test('no answer is given where a policy cannot be read', (t) => {
  const root = changed(
    `{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: a}, spec: {ingres: []}}`,
  );
  t.is(
    within(
      refusal(t, () => answer('shop/db-0', '10.244.1.5', {}, root)),
      root,
    ),
    'policies/shop.yaml:1: error: default/a: unknown field "spec.ingres"',
  );
});

test('a pod without an address is judged by one that lies in no block but the whole world', (t) => {
  const root = changed(
    `{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: a, namespace: shop}, spec: {ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8}}, {podSelector: {matchLabels: {app: web}}}]}]}}`,
    // As somebody writes it by hand.
    [
      { apiVersion: 'v1', kind: 'Pod', metadata: { namespace: 'shop', name: 'web', labels: { app: 'web' } } },
      { apiVersion: 'v1', kind: 'Pod', metadata: { namespace: 'shop', name: 'db' } },
      { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'other' } },
    ],
  );
  const one = answer('shop/web', 'shop/db', {}, root);
  t.like(one, { allowed: true, source: { address: null }, ingress: { cause: 'shop/a ingress[0].from[1]' } });
  t.is(one.notes[0], 'shop/web has no address yet: of ipBlocks, only one of the whole world means it');
  t.regex(formatPolicyTest(one, terminal), /^ALLOWED: everything from shop\/web to shop\/db\n/);
  t.false(answer('other', 'shop/db', {}, root).allowed);
});

for (const [title, items, message] of [
  ['no pod', [{ kind: 'Service' }], /^--pods: there is no pod that runs in .*pods\.json: it is what kubectl get pods/],
  ['pods that have ended', [podObject('a/b', { phase: 'Failed' })], /^--pods: there is no pod that runs/],
  ['two of one name', [podObject('a/b'), podObject('a/b')], /items\[1\]: a pod a\/b is there already$/],
  ['labels that are no text', [{ kind: 'Pod', metadata: { name: 'a', labels: { a: 1 } } }], /labels have to be text/],
  [
    'a name with control characters',
    [podObject('a/\u001b[31m')],
    /items\[0\]: no pod of Kubernetes can have this name$/,
  ],
] as const) {
  test(`a file of pods with ${title} is refused`, (t) => {
    const root = changed('', items);
    t.regex(
      refusal(t, () => readPodFile(join(root, 'pods.json'))),
      message,
    );
  });
}

test('Nodes and Namespaces beside pods count', (t) => {
  const policy = `{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: a, namespace: shop},
    spec: {ingress: [{from: [{namespaceSelector: {matchLabels: {team: ops}}}]}]}}`;
  const pods = [podObject('shop/db', { addresses: ['10.1.0.1'] }), podObject('ops/tool', { addresses: ['10.1.0.2'] })];
  const blind = readFileCluster(filesOf(changed(policy, pods)));
  t.deepEqual(
    blind.warnings.map(({ text }) => text),
    [
      'labels of ops, shop are not known, by which policies select: give the Namespaces with the policies or with the pods',
    ],
  );
  const named = ['shop', 'ops'].map((name) => ({ kind: 'Namespace', metadata: { name, labels: { team: name } } }));
  const node = {
    kind: 'Node',
    metadata: { name: 'n1' },
    status: { addresses: [{ type: 'InternalIP', address: '192.0.2.1' }] },
  };
  const root = changed(policy, [...pods, ...named, node]);
  t.deepEqual(readFileCluster(filesOf(root)).warnings, []);
  t.true(answer('ops/tool', 'shop/db', {}, root).allowed);
  t.like(answer('192.0.2.1', 'shop/db', {}, root), { allowed: true, source: { node: 'n1' } });
});

test('a matrix has a letter for each choice of ports', (t) => {
  const cluster = readFileCluster(filesOf(directory));
  const { pods, notes } = chooseMatrixPods(cluster.pods, undefined, mostColumns(terminal));
  t.is(
    formatPolicyMatrix(policyMatrix(pods, {}, cluster, notes), terminal),
    `what may begin, from the pod of a row to that of a column

   FROM                        1    2    3    4
1  monitoring/prometheus-0     =    -    a    a
2  shop/db-0                   -    =    -    -
3  shop/web-6d4c5b7f9-bx2lq    -    b    =    -
4  shop/web-6d4c5b7f9-r7tjw    -    b    -    =

-    nothing
a    tcp 8080
b    tcp 5432

left out: 1 with the network of its node
left out: 1 that has ended
`,
  );
});

test('a matrix of one port says yes or no, and who has no port of that name', (t) => {
  const cluster = readFileCluster(filesOf(directory));
  const { pods } = chooseMatrixPods(cluster.pods, ['shop'], mostColumns(terminal));
  t.is(
    formatPolicyMatrix(policyMatrix(pods, { port: 5432 }, cluster, []), terminal),
    `whether tcp 5432 may begin, from the pod of a row to that of a column

   FROM                        1    2    3
1  shop/db-0                   =    -    -
2  shop/web-6d4c5b7f9-bx2lq  yes    =    -
3  shop/web-6d4c5b7f9-r7tjw  yes    -    =
`,
  );
  t.is(
    formatPolicyMatrix(policyMatrix(pods, { port: 'sql' }, cluster, []), terminal),
    `whether sql may begin, from the pod of a row to that of a column

   FROM                        1    2    3
1  shop/db-0                   =    .    .
2  shop/web-6d4c5b7f9-bx2lq  yes    =    .
3  shop/web-6d4c5b7f9-r7tjw  yes    .    =

.    nothing to ask: no port of this name, or no addresses of one family
`,
  );
});

test('a matrix that is too large says how to ask for less', (t) => {
  const items = Array.from({ length: 30 }, (_, at) => podObject(`${at < 20 ? 'a' : 'b'}/p${at}`));
  const cluster = readFileCluster(filesOf(changed('', items)));
  t.is(mostColumns(terminal), 11);
  t.is(mostColumns({ widthColumns: undefined, colour: false }), 20);
  t.is(
    refusal(t, () => chooseMatrixPods(cluster.pods, undefined, 11)),
    '30 pods (a 20, b 10), more than the 11 that a table has room for here: --namespace NAME gives those of one, --json up to 256',
  );
  t.is(chooseMatrixPods(cluster.pods, ['b'], 11).pods.length, 10);
  t.is(chooseMatrixPods(cluster.pods, undefined, undefined).pods.length, 30);
  t.regex(
    refusal(t, () => chooseMatrixPods(cluster.pods, ['c'], 11)),
    /^--namespace: no pod of c .*: a 20, b 10$/,
  );
});

test('a check tells what is wrong and where, as compilers do, and counts what it passes over', (t) => {
  const root = changed(`apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: shop}
spec:
  ingress:
    - from:
        - ipBlock:
            cidr: 10.0.0.0/33
---
apiVersion: networking.k8s.io/v1beta1
kind: NetworkPolicy
metadata: {name: old}
---
apiVersion: projectcalico.org/v3
kind: NetworkPolicy
---
apiVersion: policy.networking.k8s.io/v1beta1
kind: ClusterNetworkPolicy
metadata: {name: admin}
spec:
  tier: Admin
  priority: 3
  subject: {namespaces: {}}
  egress:
    - action: Accept
      to: [{domainNames: [example.com]}]
---
apiVersion: policy.networking.k8s.io/v1beta1
kind: ClusterNetworkPolicy
metadata: {name: admin}
spec: {tier: Admin, priority: 3, subject: {namespaces: {}}}
---
just: text
`);
  writeFileSync(join(root, 'policies', 'broken.yml'), 'a: [\n');
  const check = checkPolicies(readPolicyFiles([join(root, 'policies')]), undefined);
  t.is(
    within(formatPolicyCheck(check, terminal), root),
    `policies/broken.yml:2: error: Flow sequence in block collection must be sufficiently indented and end with a ]
policies/shop.yaml:8: error: shop/db: spec.ingress[0].from[0].ipBlock.cidr: Invalid value: "10.0.0.0/33": must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)
policies/shop.yaml:10: error: default/old: no matches for kind "NetworkPolicy" in version "networking.k8s.io/v1beta1"
policies/shop.yaml:30: error: admin: metadata.name: a policy of this name is in policies/shop.yaml:17, too
policies/shop.yaml:26: warning: admin: spec.egress[0].to[0]: not understood, so nothing is accepted by this rule
1 policy in 2 files: 4 errors, 1 warning
passed over: 1 NetworkPolicy, 1 without a kind
`,
  );
});

test('a check with pods tells as well what is suspicious', (t) => {
  const root = changed(`apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: shop}
spec:
  podSelector: {matchLabels: {app: database}}
`);
  const files = readPolicyFiles([join(root, 'policies')]);
  t.is(
    within(formatPolicyCheck(checkPolicies(files, join(root, 'pods.json')), terminal), root),
    `policies/shop.yaml:5: warning: shop/db: spec.podSelector: no pod is selected, so that the policy does nothing
1 policy in 1 file: 1 warning
`,
  );
  t.is(formatPolicyCheck(checkPolicies(files, undefined), terminal), '1 policy in 1 file: nothing is wrong\n');
});

/** A policy with a rule whose name clears a screen. */
const oddlyNamed = `{"apiVersion": "policy.networking.k8s.io/v1beta1", "kind": "ClusterNetworkPolicy",
  "metadata": {"name": "a"}, "spec": {"tier": "Admin", "priority": 1, "subject": {"namespaces": {}},
  "ingress": [{"name": "a\\u001b[2J", "action": "Deny", "from": [{"namespaces": {}}]}]}}`;

test('what somebody calls a rule, and what is wrong, moves no cursor', (t) => {
  const one = answer('shop/db-0', '10.244.1.5', {}, changed(oddlyNamed));
  t.is(one.ingress.cause, 'a ingress[0].from[0] (a\ufffd[2J)');
  const root = changed(
    '{"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "a"}, "a\u009b2J": 1}',
  );
  const check = checkPolicies(readPolicyFiles([join(root, 'policies')]), undefined);
  t.regex(formatPolicyCheck(check, terminal), /unknown field "a\ufffd2J"/);
});

test('where no policy is, that is said', (t) => {
  const files = readPolicyFiles([join(changed('a: 1'), 'policies')]);
  t.deepEqual(
    files.remarks.map(({ severity, text }) => `${severity}: ${text}`),
    ['warning: no policy is here'],
  );
});
