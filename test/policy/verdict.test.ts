import test from 'ava';
import { ClusterView } from '../../src/policy/cluster-view.ts';
import type { Policy } from '../../src/policy/policy.ts';
import { causeText, verdict } from '../../src/policy/verdict.ts';
import { clusterPolicy, facts, flow, networkPolicy } from '../support/policy-cluster.ts';

const web = '10.244.1.2';
const db = '10.244.2.2';
const atm = '10.244.2.3';

/** `expected`: of both edges, with what only tells in brackets. */
const judged = test.macro<[readonly Policy[], string, string]>({
  exec: (t, policies, text, expected) => {
    const { egress, ingress, isAllowed } = verdict(flow(text), new ClusterView(policies, facts));
    const words = [egress, ingress].map((edge) => {
      const audited = edge.audited.map((cause) => ` [${causeText(cause)}]`).join('');
      return `${edge.isAllowed ? 'allowed' : 'denied'}: ${causeText(edge.cause)}${audited}`;
    });
    t.is(words.join(' / '), expected);
    t.is(isAllowed, egress.isAllowed && ingress.isAllowed);
  },
  title: (name) => name!,
});

const free = 'allowed: no policy selects the pod';
const nobody = 'allowed: no pod has the address';
const isolated = 'denied: isolated by shop/deny, no rule matches';
const deny = networkPolicy('deny', '{}');
const denyBoth = networkPolicy('deny', '{policyTypes: [Ingress, Egress]}');

test('without a policy all is allowed', judged, [], `${atm} -> ${web} TCP 80`, `${free} / ${free}`);
test(
  'a policy without rules isolates its namespace',
  judged,
  [deny],
  `${atm} -> ${web} TCP 80`,
  `${free} / ${isolated}`,
);
test('a policy isolates in its directions only', judged, [deny], `${web} -> ${atm} TCP 80`, `${free} / ${free}`);
test('both edges have to allow', judged, [denyBoth], `${web} -> ${db} TCP 80`, `${isolated} / ${isolated}`);
test('other namespaces are not isolated', judged, [deny], `${web} -> ${atm} TCP 80`, `${free} / ${free}`);
test('what is outside has no edge', judged, [deny], `203.0.113.9 -> ${web} TCP 80`, `${nobody} / ${isolated}`);

test(
  'of many policies that isolate, a few are named',
  judged,
  ['a', 'b', 'c', 'd', 'e'].map((name) => networkPolicy(name, '{}')),
  `${atm} -> ${web} TCP 80`,
  `${free} / denied: isolated by shop/a, shop/b, shop/c and 2 more, no rule matches`,
);

const fromDb = 'ingress: [{from: [{podSelector: {matchLabels: {app: atm}}}, {podSelector: {matchLabels: {app: db}}}]}]';
const allowDb = networkPolicy('allow', `{podSelector: {matchLabels: {app: web}}, ${fromDb}}`);
test(
  'policies add up, and the rule is named',
  judged,
  [deny, allowDb],
  `${db} -> ${web} TCP 80`,
  `${free} / allowed: shop/allow ingress[0].from[1]`,
);
test(
  'a selector of pods alone means those of its namespace',
  judged,
  [allowDb, deny],
  `${atm} -> ${web} TCP 80`,
  `${free} / denied: isolated by shop/allow, shop/deny, no rule matches`,
);
test(
  'the first match counts in the order of names',
  judged,
  [networkPolicy('b', '{ingress: [{}]}'), networkPolicy('a', '{ingress: [{ports: [{}]}]}')],
  `${db} -> ${web} TCP 80`,
  `${free} / allowed: shop/a ingress[0]`,
);

const money = networkPolicy('deny', '{ingress: [{from: [{namespaceSelector: {matchLabels: {team: money}}}]}]}');
test(
  'a namespace is known by its labels',
  judged,
  [money],
  `${atm} -> ${web} TCP 80`,
  `${free} / allowed: shop/deny ingress[0].from[0]`,
);
test('a namespace of other labels is not meant', judged, [money], `${db} -> ${web} TCP 80`, `${free} / ${isolated}`);
const byName = networkPolicy(
  'deny',
  '{ingress: [{from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: bank}}}]}]}',
);
test(
  'a namespace is known by its name',
  judged,
  [byName],
  `${atm} -> ${web} TCP 80`,
  `${free} / allowed: shop/deny ingress[0].from[0]`,
);

test(
  'a pod reaches itself',
  judged,
  [denyBoth],
  `${web} -> ${web} TCP 80`,
  ['egress', 'ingress'].map(() => 'allowed: a pod always reaches itself').join(' / '),
);
const own = 'allowed: a pod and its own node always reach each other';
test('the node of a pod reaches it', judged, [denyBoth], `10.244.1.1 -> ${web} TCP 80`, `${nobody} / ${own}`);
test('a pod reaches its node', judged, [denyBoth], `${web} -> 192.168.0.1 TCP 80`, `${own} / ${nobody}`);
test('another node is judged', judged, [denyBoth], `10.244.2.1 -> ${web} TCP 80`, `${nobody} / ${isolated}`);

const fromWeb = networkPolicy('deny', '{ingress: [{from: [{podSelector: {matchLabels: {app: web}}}]}]}');
test(
  'a pod of the host network is not found by its labels',
  judged,
  [fromWeb],
  `192.168.0.1 -> ${db} TCP 80`,
  `${nobody} / ${isolated}`,
);
test('a pod of the host network is not selected', judged, [deny], `${db} -> 192.168.0.1 TCP 80`, `${free} / ${nobody}`);

const block = networkPolicy(
  'deny',
  '{ingress: [{from: [{ipBlock: {cidr: 192.168.0.0/24, except: [192.168.0.2/32]}}]}]}',
);
test(
  'a block with the address of a node means what it sends in the overlay',
  judged,
  [block],
  `10.244.1.1 -> ${db} TCP 80`,
  `${nobody} / allowed: shop/deny ingress[0].from[0]`,
);
test(
  'an exception of a block means a node, too',
  judged,
  [block],
  `10.244.2.1 -> ${web} TCP 80`,
  `${nobody} / ${isolated}`,
);

const ports = networkPolicy('deny', '{ingress: [{ports: [{port: http}, {port: 90, endPort: 95}, {protocol: UDP}]}]}');
test(
  'a named port is that of the destination',
  judged,
  [ports],
  `${db} -> ${web} TCP 80`,
  `${free} / allowed: shop/deny ingress[0]`,
);
test('a pod without the named port has none', judged, [ports], `${web} -> ${db} TCP 80`, `${free} / ${isolated}`);
test(
  'a range of ports includes its last',
  judged,
  [ports],
  `${web} -> ${db} TCP 95`,
  `${free} / allowed: shop/deny ingress[0]`,
);
test('a range of ports ends', judged, [ports], `${web} -> ${db} TCP 96`, `${free} / ${isolated}`);
test(
  'a protocol alone means all of its ports',
  judged,
  [ports],
  `${web} -> ${db} UDP 96`,
  `${free} / allowed: shop/deny ingress[0]`,
);
test('ports are of one protocol', judged, [ports], `${web} -> ${db} SCTP 95`, `${free} / ${isolated}`);
test('ICMP has no ports', judged, [ports], `${web} -> ${db} ICMP`, `${free} / ${isolated}`);
test(
  'a rule without ports allows ICMP',
  judged,
  [networkPolicy('a', '{ingress: [{}]}')],
  `${web} -> ${db} ICMP`,
  `${free} / allowed: shop/a ingress[0]`,
);
const toSql = networkPolicy(
  'deny',
  '{policyTypes: [Egress], egress: [{to: [{podSelector: {}}], ports: [{port: sql}]}]}',
);
test(
  'a named port is that of the other end for what goes out',
  judged,
  [toSql],
  `${web} -> ${db} TCP 5432`,
  `allowed: shop/deny egress[0].to[0] / ${free}`,
);

const fromBank = 'from: [{namespaces: {matchLabels: {team: money}}}]';
const denyBank = clusterPolicy('bank', `{ingress: [{name: no money, action: Deny, ${fromBank}}]}`);
const undecided = 'allowed: no rule decides';
test(
  'the admin tier denies what a NetworkPolicy allows',
  judged,
  [networkPolicy('a', '{ingress: [{}]}'), denyBank],
  `${atm} -> ${web} TCP 80`,
  `${free} / denied: bank ingress[0].from[0] (no money)`,
);
test('what no rule decides is allowed', judged, [denyBank], `${db} -> ${web} TCP 80`, `${free} / ${undecided}`);
test(
  'the admin tier allows what a NetworkPolicy denies',
  judged,
  [deny, clusterPolicy('bank', `{ingress: [{action: Accept, ${fromBank}}]}`)],
  `${atm} -> ${web} TCP 80`,
  `${free} / allowed: bank ingress[0].from[0]`,
);
test(
  'the smaller priority is asked first',
  judged,
  [denyBank, clusterPolicy('z', `{priority: 0, ingress: [{action: Pass, ${fromBank}}]}`)],
  `${atm} -> ${web} TCP 80`,
  `${free} / ${undecided}`,
);
const baseline = clusterPolicy('base', `{tier: Baseline, ingress: [{action: Deny, ${fromBank}}]}`);
test(
  'the baseline tier is asked where nothing isolates',
  judged,
  [baseline],
  `${atm} -> ${web} TCP 80`,
  `${free} / denied: base ingress[0].from[0]`,
);
test(
  'the baseline tier is not asked where something isolates',
  judged,
  [baseline, networkPolicy('a', '{ingress: [{}]}')],
  `${atm} -> ${web} TCP 80`,
  `${free} / allowed: shop/a ingress[0]`,
);

const audit = { 'weft.dev/policy-mode': 'audit' };
const auditDeny = networkPolicy('audit', '{}', audit);
test(
  'what a policy in audit mode would deny passes, and is told',
  judged,
  [auditDeny],
  `${atm} -> ${web} TCP 80`,
  `${free} / ${undecided} [isolated by shop/audit, no rule matches]`,
);
test(
  'what another policy denies is denied',
  judged,
  [auditDeny, deny],
  `${atm} -> ${web} TCP 80`,
  `${free} / denied: isolated by shop/audit, shop/deny, no rule matches`,
);
test(
  'a policy in audit mode does not hide the baseline',
  judged,
  [auditDeny, baseline],
  `${atm} -> ${web} TCP 80`,
  `${free} / denied: base ingress[0].from[0] [isolated by shop/audit, no rule matches]`,
);
test(
  'a rule in audit mode does not hide what comes behind it',
  judged,
  [clusterPolicy('a', `{ingress: [{action: Deny, ${fromBank}}]}`, audit), deny],
  `${atm} -> ${web} TCP 80`,
  `${free} / ${isolated} [a ingress[0].from[0]]`,
);

const toNodes = clusterPolicy('n', '{egress: [{action: Deny, to: [{nodes: {matchLabels: {rack: "2"}}}]}]}');
test(
  'a node is meant by its labels',
  judged,
  [toNodes],
  `${web} -> 192.168.0.2 TCP 22`,
  `denied: n egress[0].to[0] / ${nobody}`,
);
test(
  'a node is meant in the overlay, too',
  judged,
  [toNodes],
  `${web} -> 10.244.2.1 TCP 22`,
  `denied: n egress[0].to[0] / ${nobody}`,
);
test('a pod of a node is no node', judged, [toNodes], `${web} -> ${db} TCP 22`, `${undecided} / ${free}`);
