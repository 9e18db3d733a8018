import test from 'ava';
import { ClusterView } from '../../src/policy/cluster-view.ts';
import type { PolicyPod } from '../../src/policy/cluster-facts.ts';
import type { Policy } from '../../src/policy/policy.ts';
import { answersNames, deniedNames, nameSuspicions } from '../../src/policy/denied-names.ts';
import { KnownCluster } from '../../src/policy/known-cluster.ts';
import { type Suspicion, suspicionsOf } from '../../src/policy/suspicions.ts';
import { address, clusterPolicy, facts, networkPolicy, pods } from '../support/policy-cluster.ts';

const dns = {
  ...pods.atm,
  key: 'kube-system/dns',
  namespace: 'kube-system',
  name: 'dns',
  labels: { 'k8s-app': 'kube-dns' },
  addresses: [address('10.244.2.9')],
  ports: [{ name: 'dns', protocol: 'UDP', port: 5353 } as const],
};

const all = [...facts.pods, dns];

function suspicionsAmong(policies: readonly Policy[], known: readonly PolicyPod[]): readonly Suspicion[] {
  const cluster = new KnownCluster();
  for (const namespace of facts.namespaces) cluster.setNamespace(namespace);
  const own = known.filter(({ hostNetwork }) => !hostNetwork);
  for (const pod of own) cluster.setPod(pod);
  const view = new ClusterView(policies, { ...facts, pods: known });
  const denials = [...deniedNames(own, own.filter(answersNames), view)].filter((one) => one !== undefined);
  return [...[...suspicionsOf(policies, cluster)].filter((one) => one !== undefined), ...nameSuspicions(denials)];
}

const suspected = test.macro<[readonly Policy[], readonly string[]]>({
  exec: (t, policies, expected) => {
    const texts = suspicionsAmong(policies, all).map(
      ({ kind, policy, path, text }) => `${kind} ${policy} ${path}: ${text}`,
    );
    t.deepEqual(texts, expected);
  },
  title: (name) => name!,
});

const sql = networkPolicy(
  'sql',
  '{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{podSelector: {matchLabels: {app: web}}}], ports: [{port: sql}]}]}',
);
test('nothing is suspicious about a policy that does what it says', suspected, [sql], []);

test(
  'a policy that selects no pod',
  suspected,
  [networkPolicy('none', '{podSelector: {matchLabels: {app: wbe}}, ingress: [{from: [{podSelector: {}}]}]}')],
  ['selects-nothing shop/none spec.podSelector: no pod is selected, so that the policy does nothing'],
);
test(
  'a policy of the cluster that selects no pod',
  suspected,
  [clusterPolicy('none', '{subject: {namespaces: {matchLabels: {team: none}}}}')],
  ['selects-nothing none spec.subject: no pod is selected, so that the policy does nothing'],
);
test(
  'a rule whose peers are no pods, while another has some',
  suspected,
  [
    networkPolicy(
      'some',
      '{ingress: [{from: [{podSelector: {matchLabels: {app: db}}}, {podSelector: {matchLabels: {app: atm}}}]}]}',
    ),
  ],
  ['rule-never-matches shop/some spec.ingress[0].from[1]: no pod is selected, so that the rule never matches'],
);
test(
  'a port that no pod has which is selected, though another pod has it',
  suspected,
  [networkPolicy('http', '{podSelector: {matchLabels: {app: db}}, ingress: [{ports: [{port: http}, {port: sql}]}]}')],
  ['port-unknown shop/http spec.ingress[0]: no pod that the policy selects has a port "http"'],
);
test(
  'a port has the name for one protocol alone',
  suspected,
  [networkPolicy('http', '{ingress: [{ports: [{port: http, protocol: UDP}]}]}')],
  ['port-unknown shop/http spec.ingress[0]: no pod that the policy selects has a port "http"'],
);
test(
  'in egress, it is the peers that have ports',
  suspected,
  [
    networkPolicy(
      'out',
      '{policyTypes: [Egress], egress: [{}, {to: [{podSelector: {matchLabels: {app: db}}}], ports: [{port: http}, {port: sql}]}]}',
    ),
  ],
  ['port-unknown shop/out spec.egress[1].to[0]: no pod that the rule means has a port "http"'],
);

const question = 'UDP port 5353 of kube-system/dns';
test(
  'isolation in egress denies DNS',
  suspected,
  [networkPolicy('deny', '{policyTypes: [Ingress, Egress]}')],
  [`dns-denied shop/deny spec.egress: DNS is denied to shop/web and 1 more: no rule for egress allows ${question}`],
);
test(
  'a rule for port 53 does not help where DNS listens on another',
  suspected,
  [networkPolicy('out', '{policyTypes: [Egress], egress: [{ports: [{protocol: UDP, port: 53}]}]}')],
  [`dns-denied shop/out spec.egress: DNS is denied to shop/web and 1 more: no rule for egress allows ${question}`],
);
test(
  'a rule for its port does',
  suspected,
  [networkPolicy('out', '{policyTypes: [Egress], egress: [{ports: [{protocol: UDP, port: 5353}]}]}')],
  [],
);
test(
  'those that answer DNS may deny it, by a rule',
  suspected,
  [
    clusterPolicy(
      'closed',
      '{subject: {namespaces: {matchLabels: {kubernetes.io/metadata.name: kube-system}}}, ingress: [{action: Deny, from: [{namespaces: {matchLabels: {team: money}}}]}]}',
    ),
  ],
  [`dns-denied closed spec.ingress: DNS is denied to bank/atm: closed ingress[0].from[0] denies ${question}`],
);

test('a pod with the network of its node is selected by none', (t) => {
  const policies = [networkPolicy('web', '{podSelector: {matchLabels: {app: web}}}')];
  const kinds = (known: readonly PolicyPod[]) => suspicionsAmong(policies, known).map(({ kind }) => kind);
  t.deepEqual(kinds([pods.web]), []);
  t.deepEqual(kinds([pods.agent]), ['selects-nothing']);
});

test('where nobody is known to answer DNS, nothing is said of it', (t) => {
  const policies = [networkPolicy('deny', '{policyTypes: [Egress]}')];
  t.deepEqual(suspicionsAmong(policies, [...facts.pods]), []);
});

test('a pod whose labels are not known may be any, and may have any port', (t) => {
  const policies = [
    networkPolicy('sql', '{podSelector: {matchLabels: {app: none}}, ingress: [{ports: [{port: sql}]}]}'),
  ];
  const unknown = { ...pods.web, labels: undefined, ports: [], hasMorePorts: true };
  t.deepEqual(suspicionsAmong(policies, [unknown]), []);
  t.deepEqual(
    suspicionsAmong(policies, [{ ...unknown, labels: { app: 'none' }, hasMorePorts: false }]).map(({ kind }) => kind),
    ['port-unknown'],
  );
});

test('who may begin something else lacks names; who may begin nothing lacks everything', (t) => {
  const policies = [
    networkPolicy('deny', '{policyTypes: [Egress]}'),
    networkPolicy(
      'web',
      '{podSelector: {matchLabels: {app: web}}, policyTypes: [Egress], egress: [{ports: [{port: 80}]}]}',
    ),
  ];
  const own = all.filter(({ hostNetwork }) => !hostNetwork);
  const view = new ClusterView(policies, { ...facts, pods: all });
  const denials = [...deniedNames(own, [dns], view)].flatMap((one) => (one === undefined ? [] : one));
  t.deepEqual(
    denials.map(({ pod, beginsOthers }) => [pod, beginsOthers]),
    [
      ['shop/web', true],
      ['shop/db', false],
    ],
  );
});

test('however many pods there are, a step looks at some of them', (t) => {
  const many = Array.from({ length: 2_000 }, (_, at): PolicyPod => ({ ...pods.web, key: `shop/web-${at}` }));
  const cluster = new KnownCluster();
  for (const pod of many) cluster.setPod(pod);
  const policies = [networkPolicy('none', '{podSelector: {matchLabels: {app: none}}}')];
  const steps = [...suspicionsOf(policies, cluster)];
  t.is(steps.filter((step) => step !== undefined).length, 1);
  t.true(steps.length > 7);
});
