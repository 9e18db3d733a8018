import test from 'ava';
import { parse } from 'yaml';
import type { Policy } from '../../src/policy/policy.ts';
import type { PolicyReading } from '../../src/policy/policy-reading.ts';
import { readClusterNetworkPolicy } from '../../src/policy/read-cluster-network-policy.ts';
import { formatPrefix } from '../../src/wire/prefix.ts';

/** Of a policy `web` in tier Admin for all pods, and these rules in YAML. */
function read(rules: string): PolicyReading {
  const spec = { tier: 'Admin', priority: 5, subject: { namespaces: {} }, ...(parse(rules) as object) };
  return readClusterNetworkPolicy({ metadata: { name: 'web' }, spec });
}

function policyOf(rules: string): Policy {
  const { policy } = read(rules);
  if (policy === undefined) throw new Error(`${rules} is no policy`);
  return policy;
}

function warningsOf(rules: string): readonly string[] {
  const reading = read(rules);
  return reading.policy === undefined ? reading.problems : reading.warnings;
}

test('a policy says tier, priority and whom it is about', (t) => {
  t.deepEqual(
    policyOf(
      '{tier: Baseline, priority: 0, subject: {pods: {namespaceSelector: {}, podSelector: {matchLabels: {a: b}}}}}',
    ),
    {
      tier: 'baseline',
      priority: 0,
      namespace: '',
      name: 'web',
      subject: { namespaces: [], pods: [{ key: 'a', operator: 'In', values: ['b'] }] },
      directions: [],
      ingress: [],
      egress: [],
      isAudit: false,
    },
  );
});

const rule = (field: string) => `[{action: Deny, ${field}: [{namespaces: {}}]}]`;

test('a policy judges the directions that it has rules for', (t) => {
  t.deepEqual(policyOf(`{ingress: ${rule('from')}}`).directions, ['ingress']);
  t.deepEqual(policyOf(`{egress: ${rule('to')}, ingress: []}`).directions, ['egress']);
  t.deepEqual(policyOf(`{egress: ${rule('to')}, ingress: ${rule('from')}}`).directions, ['ingress', 'egress']);
});

test('a rule becomes one per peer and per network, and keeps what it is called', (t) => {
  const { egress } = policyOf(`
    egress:
    - name: no metadata
      action: Pass
      to:
      - namespaces: {matchLabels: {a: b}}
      - nodes: {}
      - networks: [10.0.0.0/8, "fd00::/8"]
      protocols: [{tcp: {}}, {udp: {destinationPort: {number: 53}}}, {sctp: {destinationPort: {range: {start: 5, end: 9}}}}]
  `);
  const ports = [
    { kind: 'any', protocol: 'TCP' },
    { kind: 'range', protocol: 'UDP', first: 53, last: 53 },
    { kind: 'range', protocol: 'SCTP', first: 5, last: 9 },
  ];
  const common = { title: 'no metadata', action: 'pass', ports };
  t.deepEqual(
    egress.map(({ peer, ...rule }) => [rule, peer.kind === 'block' ? formatPrefix(peer.prefix) : peer.kind]),
    [
      [{ ...common, place: 'egress[0].to[0]' }, 'pods'],
      [{ ...common, place: 'egress[0].to[1]' }, 'nodes'],
      [{ ...common, place: 'egress[0].to[2].networks[0]' }, '10.0.0.0/8'],
      [{ ...common, place: 'egress[0].to[2].networks[1]' }, 'fd00::/8'],
    ],
  );
});

test('a named port is one of whatever protocol', (t) => {
  const { ingress } = policyOf(
    '{ingress: [{action: Accept, from: [{namespaces: {}}], protocols: [{destinationNamedPort: http}]}]}',
  );
  t.deepEqual(ingress[0]!.ports, [{ kind: 'name', protocol: undefined, name: 'http' }]);
});

/** What network-policy-api v0.3.0 says of peers of a version to come. */
const closed = test.macro<[string, string, string]>({
  exec: (t, rule: string, action: string, peer: string) => {
    const [direction, field] = rule.includes('to:') ? (['egress', 'to'] as const) : (['ingress', 'from'] as const);
    const rules = `{${direction}: [${rule}]}`;
    t.deepEqual(policyOf(rules)[direction], [
      {
        place: `${direction}[0]`,
        title: '',
        action: action as 'allow',
        peer: { kind: peer as 'all' },
        ports: undefined,
      },
    ]);
    const effect = action === 'allow' ? 'nothing is accepted by this rule' : 'everything is denied by this rule';
    t.regex(
      warningsOf(rules).join(),
      new RegExp(`^spec.${direction}.0..(${field}|protocols).*: not understood, so ${effect}$`),
    );
  },
  title: (_, rule) => `fails closed: ${rule}`,
});
test(closed, '{action: Accept, to: [{namespaces: {}}, {domainNames: [example.com]}]}', 'allow', 'none');
test(closed, '{action: Deny, to: [{namespaces: {}}, {domainNames: [example.com]}]}', 'deny', 'all');
test(closed, '{action: Pass, to: [{services: {}}], protocols: [{tcp: {}}]}', 'deny', 'all');
test(closed, '{action: Accept, from: [{}]}', 'allow', 'none');
test(closed, '{action: Deny, from: [{}]}', 'deny', 'all');
test(closed, '{action: Pass, from: [{nodes: {}}]}', 'deny', 'all');
test(closed, '{action: Accept, from: [{namespaces: {}, nodes: {}}]}', 'allow', 'none');
test(closed, '{action: Accept, from: [{namespaces: {}}], protocols: [{tcp: {}}, {icmp: {}}]}', 'allow', 'none');
test(closed, '{action: Deny, from: [{namespaces: {}}], protocols: [{tcp: {sourcePort: {}}}]}', 'deny', 'all');
test(closed, '{action: Pass, from: [{namespaces: {}}], protocols: [{}]}', 'deny', 'all');
test(
  closed,
  '{action: Deny, from: [{namespaces: {}}], protocols: [{tcp: {destinationPort: {set: [1]}}}]}',
  'deny',
  'all',
);

/** The words are those of kube-apiserver 1.34 for a CustomResourceDefinition. */
const bad = test.macro<[string, string, ...string[]]>({
  exec: (t, rules: string, ...problems: string[]) => {
    const reading = read(rules);
    t.deepEqual(reading.policy === undefined ? reading.problems : [], problems);
  },
  title: (_, rules, problem) => `${rules.slice(0, 60)} is refused: ${problem.slice(0, 100)}`,
});
test(bad, '{tier: Middle}', 'spec.tier: Unsupported value: "Middle": supported values: "Admin", "Baseline"');
test(bad, '{tier: null}', 'spec.tier: Required value');
test(bad, '{priority: null}', 'spec.priority: Required value');
test(
  bad,
  '{priority: 1001}',
  'spec.priority: Invalid value: 1001: spec.priority in body should be less than or equal to 1000',
);
test(
  bad,
  '{priority: -1}',
  'spec.priority: Invalid value: -1: spec.priority in body should be greater than or equal to 0',
);
test(bad, '{subject: null}', 'spec.subject: Required value');
test(bad, '{subject: {}}', 'spec.subject: Invalid value: 0: spec.subject in body should have at least 1 properties');
test(
  bad,
  '{subject: {namespaces: {}, pods: {podSelector: {}, namespaceSelector: {}}}}',
  'spec.subject: Too many: 2: must have at most 1 item',
);
test(bad, '{subject: {pods: {}}}', 'spec.subject.pods.podSelector: Required value');
test(bad, '{other: 1}', 'unknown field "spec.other"');
test(bad, '{ingress: [{action: Deny}]}', 'spec.ingress[0].from: Required value');
test(
  bad,
  '{ingress: [{action: Deny, from: []}]}',
  'spec.ingress[0].from: Invalid value: 0: spec.ingress[0].from in body should have at least 1 items',
);
test(
  bad,
  '{ingress: [{action: Drop, from: [{namespaces: {}}]}]}',
  'spec.ingress[0].action: Unsupported value: "Drop": supported values: "Accept", "Deny", "Pass"',
);
test(bad, '{ingress: [{action: Deny, to: [{}], from: [{namespaces: {}}]}]}', 'unknown field "spec.ingress[0].to"');
test(
  bad,
  `{ingress: [{name: ${'x'.repeat(101)}, action: Deny, from: [{namespaces: {}}]}]}`,
  'spec.ingress[0].name: Too long: may not be more than 100 bytes',
);
test(bad, `{egress: [${'{},'.repeat(26)}]}`, 'spec.egress: Too many: 26: must have at most 25 items');
test(
  bad,
  '{egress: [{action: Deny, to: [{networks: [10.0.0.1/8]}]}]}',
  'spec.egress[0].to[0].networks[0]: Invalid value: "10.0.0.1/8": Invalid CIDR format provided',
);
test(
  bad,
  '{egress: [{action: Deny, to: [{networks: []}]}]}',
  'spec.egress[0].to[0].networks: Invalid value: 0: spec.egress[0].to[0].networks in body should have at least 1 items',
);
const aboutPods = 'action: Deny, to: [{namespaces: {}}], protocols:';
test(
  bad,
  `{egress: [{${aboutPods} []}]}`,
  'spec.egress[0].protocols: Invalid value: 0: spec.egress[0].protocols in body should have at least 1 items',
);
test(
  bad,
  `{egress: [{${aboutPods} [{tcp: {destinationPort: {number: 0}}}]}]}`,
  'spec.egress[0].protocols[0].tcp.destinationPort.number: Invalid value: 0: spec.egress[0].protocols[0].tcp.destinationPort.number in body should be greater than or equal to 1',
);
test(
  bad,
  `{egress: [{${aboutPods} [{tcp: {destinationPort: {range: {start: 9, end: 9}}}}]}]}`,
  'spec.egress[0].protocols[0].tcp.destinationPort.range: Invalid value: {"start":9,"end":9}: Start port must be less than End port',
);
test(
  bad,
  `{egress: [{${aboutPods} [{tcp: {}, udp: {}}]}]}`,
  'spec.egress[0].protocols[0]: Too many: 2: must have at most 1 item',
);
test(
  bad,
  '{egress: [{action: Deny, to: [{nodes: {}}], protocols: [{destinationNamedPort: x}]}]}',
  'spec.egress[0]: Invalid value: {"action":"Deny","to":[{"nodes":{}}],"protocols":[{"destinationNamedPort":"x"}]}: networks/nodes/domainNames peer cannot be set with namedPorts since there are no namedPorts for networks/nodes/domainNames',
);

test('a policy of the cluster has no namespace', (t) => {
  const spec = { tier: 'Admin', priority: 5, subject: { namespaces: {} } };
  const reading = readClusterNetworkPolicy({ metadata: { name: 'web', namespace: 'shop' }, spec });
  t.deepEqual(reading.policy === undefined && reading.problems, [
    'metadata.namespace: Forbidden: not allowed on this type',
  ]);
});
