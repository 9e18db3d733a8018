import test from 'ava';
import { ClusterView } from '../../src/policy/cluster-view.ts';
import type { PolicyPod } from '../../src/policy/cluster-facts.ts';
import type { Policy } from '../../src/policy/policy.ts';
import { suspicionsOf } from '../../src/policy/suspicions.ts';
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

const suspected = test.macro<[readonly Policy[], readonly string[]]>({
  exec: (t, policies, expected) => {
    const cluster = new ClusterView(policies, { ...facts, pods: all });
    const texts = suspicionsOf(policies, all, cluster).map(
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
  const kinds = (known: readonly PolicyPod[]) =>
    suspicionsOf(policies, known, new ClusterView(policies, { ...facts, pods: known })).map(({ kind }) => kind);
  t.deepEqual(kinds([pods.web]), []);
  t.deepEqual(kinds([pods.agent]), ['selects-nothing']);
});

test('where nobody is known to answer DNS, nothing is said of it', (t) => {
  const policies = [networkPolicy('deny', '{policyTypes: [Egress]}')];
  t.deepEqual(suspicionsOf(policies, [...facts.pods], new ClusterView(policies, facts)), []);
});
