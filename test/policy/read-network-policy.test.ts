import test from 'ava';
import { parse } from 'yaml';
import type { Policy } from '../../src/policy/policy.ts';
import { readNetworkPolicy } from '../../src/policy/read-network-policy.ts';
import { formatPrefix } from '../../src/wire/prefix.ts';

/** A NetworkPolicy `shop/web` of this spec, in YAML. */
function policyOf(spec: string): Policy {
  const { policy } = readNetworkPolicy({ metadata: { name: 'web', namespace: 'shop' }, spec: parse(spec) });
  if (policy === undefined) throw new Error(`${spec} is no policy`);
  return policy;
}

function problemsOf(object: unknown): readonly string[] {
  const reading = readNetworkPolicy(object);
  return reading.policy === undefined ? reading.problems : [];
}

test('a policy of nothing but a name isolates its whole namespace for what comes in', (t) => {
  const reading = readNetworkPolicy({
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { name: 'web' },
  });
  t.deepEqual(reading, {
    policy: {
      tier: 'namespace',
      priority: 0,
      namespace: 'default',
      name: 'web',
      subject: { namespaces: 'default', pods: [] },
      directions: ['ingress'],
      ingress: [],
      egress: [],
      isAudit: false,
    },
    warnings: [],
  });
});

const isolates = test.macro<[string, readonly string[]]>({
  exec: (t, spec: string, directions: readonly string[]) => t.deepEqual(policyOf(spec).directions, directions),
  title: (_, spec, directions) => `${spec} isolates ${directions.join(' and ') || 'nothing'}`,
});
test(isolates, '{}', ['ingress']);
test(isolates, '{ingress: [{}]}', ['ingress']);
test(isolates, '{egress: [{}]}', ['ingress', 'egress']);
test(isolates, '{egress: []}', ['ingress']);
test(isolates, '{egress: [{}], policyTypes: []}', ['ingress', 'egress']);
test(isolates, '{policyTypes: [Egress]}', ['egress']);
test(isolates, '{egress: [{}], policyTypes: [Ingress]}', ['ingress']);
test(isolates, '{policyTypes: [Egress, Ingress]}', ['ingress', 'egress']);

test('a rule becomes one per peer, and says where it stands', (t) => {
  const { ingress } = policyOf(`
    podSelector: {matchLabels: {app: web}}
    ingress:
    - {}
    - from:
      - podSelector: {}
      - namespaceSelector: {}
      - podSelector: {matchExpressions: [{key: app, operator: NotIn, values: [a, b]}]}
        namespaceSelector: {matchLabels: {team: x}}
      - ipBlock: {cidr: 10.0.0.0/8, except: [10.1.0.0/16]}
  `);
  t.deepEqual(
    ingress.map(({ place }) => place),
    ['ingress[0]', ...[0, 1, 2, 3].map((at) => `ingress[1].from[${at}]`)],
  );
  t.deepEqual(
    ingress.slice(0, 4).map(({ peer }) => peer),
    [
      { kind: 'all' },
      { kind: 'pods', pods: { namespaces: 'shop', pods: [] } },
      { kind: 'pods', pods: { namespaces: [], pods: [] } },
      {
        kind: 'pods',
        pods: {
          namespaces: [{ key: 'team', operator: 'In', values: ['x'] }],
          pods: [{ key: 'app', operator: 'NotIn', values: ['a', 'b'] }],
        },
      },
    ],
  );
  const { peer } = ingress[4]!;
  if (peer.kind !== 'block') throw new Error('the last peer is no block');
  t.deepEqual([peer.prefix, ...peer.except].map(formatPrefix), ['10.0.0.0/8', '10.1.0.0/16']);
});

test('ports of a rule go with each of its peers', (t) => {
  const { egress } = policyOf(`
    egress:
    - to: [{podSelector: {}}, {namespaceSelector: {}}]
      ports: [{}, {protocol: UDP}, {port: 80}, {port: 80, endPort: 90, protocol: SCTP}, {port: http}]
    - ports: []
  `);
  const ports = [
    { protocol: 'TCP', kind: 'any' },
    { protocol: 'UDP', kind: 'any' },
    { protocol: 'TCP', kind: 'range', first: 80, last: 80 },
    { protocol: 'SCTP', kind: 'range', first: 80, last: 90 },
    { protocol: 'TCP', kind: 'name', name: 'http' },
  ];
  t.deepEqual(
    egress.map((rule) => [rule.place, rule.ports]),
    [
      ['egress[0].to[0]', ports],
      ['egress[0].to[1]', ports],
      ['egress[1]', undefined],
    ],
  );
});

test('what the API wrote itself is no problem', (t) => {
  const metadata = { name: 'web', uid: 'x', creationTimestamp: null, managedFields: [{}], generation: 1, labels: {} };
  t.deepEqual(problemsOf({ metadata, spec: { podSelector: {}, ingress: null, policyTypes: null }, status: {} }), []);
});

const mode = test.macro<[string | undefined, boolean]>({
  exec: (t, text: string | undefined, isAudit: boolean) => {
    const annotations = text === undefined ? { other: 'x' } : { 'weft.dev/policy-mode': text };
    t.is(readNetworkPolicy({ metadata: { name: 'web', annotations } }).policy?.isAudit, isAudit);
  },
  title: (_, text, isAudit) => `a policy of mode ${text ?? 'none'} is ${isAudit ? '' : 'not '}in audit mode`,
});
test(mode, undefined, false);
test(mode, 'enforce', false);
test(mode, 'audit', true);

const name = { name: 'web' };

/** The words are those of kube-apiserver 1.34. */
const bad = test.macro<[unknown, string]>({
  exec: (t, object: unknown, problem: string) => t.deepEqual(problemsOf(object), [problem]),
  title: (_, _object, problem) => `is refused: ${problem.slice(0, 100)}`,
});
const badSpec = test.macro<[string, string, ...string[]]>({
  exec: (t, spec: string, ...problems: string[]) =>
    t.deepEqual(problemsOf({ metadata: name, spec: parse(spec) }), problems),
  title: (_, spec, problem) => `${spec} is refused: ${problem.slice(0, 100)}`,
});

test('what is no object is refused', (t) => t.is(problemsOf(5)[0], 'it in body must be of type object: "integer"'));
test(bad, { metadata: {} }, 'metadata.name: Required value: name or generateName is required');
test(
  bad,
  { metadata: { name: 'web', namespace: 'a.b' } },
  'metadata.namespace: Invalid value: "a.b": must not contain dots',
);
test(bad, { metadata: { name: 'web', annotation: {} } }, 'unknown field "metadata.annotation"');
test(
  bad,
  { metadata: { name: 'Web' } },
  `metadata.name: Invalid value: "Web": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')`,
);
test(
  bad,
  { metadata: { ...name, annotations: { 'weft.dev/policy-mode': 'off' } } },
  'metadata.annotations[weft.dev/policy-mode]: Unsupported value: "off": supported values: "audit", "enforce"',
);

test(badSpec, '{foo: 1}', 'unknown field "spec.foo"');
test(badSpec, '{ingress: [{form: []}]}', 'unknown field "spec.ingress[0].form"');
test(
  badSpec,
  '{ingress: [{from: [{pod: {}}]}]}',
  'unknown field "spec.ingress[0].from[0].pod"',
  'spec.ingress[0].from[0]: Required value: must specify a peer',
);
test(
  badSpec,
  '{ingress: {}}',
  'spec.ingress: Invalid value: "object": spec.ingress in body must be of type array: "object"',
);
test(
  badSpec,
  '{egress: [5]}',
  'spec.egress[0]: Invalid value: "integer": spec.egress[0] in body must be of type object: "integer"',
);
test(
  badSpec,
  '{egress: [null]}',
  'spec.egress[0]: Invalid value: "null": spec.egress[0] in body must be of type object: "null"',
);
test(
  badSpec,
  '{podSelector: {matchLabels: {app: 1}}}',
  'spec.podSelector.matchLabels.app: Invalid value: "integer": spec.podSelector.matchLabels.app in body must be of type string: "integer"',
);
test(
  badSpec,
  '{policyTypes: [Both]}',
  'spec.policyTypes[0]: Unsupported value: "Both": supported values: "Ingress", "Egress"',
);
test(
  badSpec,
  '{policyTypes: [Egress, Egress, Egress]}',
  'spec.policyTypes: Invalid value: ["Egress","Egress","Egress"]: may not specify more than two policyTypes',
);

const labelRule = `must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character`;
test(
  badSpec,
  '{podSelector: {matchLabels: {"a b": c}}}',
  `spec.podSelector.matchLabels: Invalid value: "a b": name part ${labelRule} (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')`,
);
test(
  badSpec,
  '{podSelector: {matchLabels: {/a: c}}}',
  'spec.podSelector.matchLabels: Invalid value: "/a": prefix part must be non-empty',
);
test(
  badSpec,
  `{podSelector: {matchLabels: {a: ${'b'.repeat(64)}}}}`,
  `spec.podSelector.matchLabels: Invalid value: "${'b'.repeat(64)}": must be no more than 63 characters`,
);
test(
  badSpec,
  '{podSelector: {matchExpressions: [{key: a, operator: Is}]}}',
  'spec.podSelector.matchExpressions[0].operator: Invalid value: "Is": not a valid selector operator',
);
test(
  badSpec,
  '{podSelector: {matchExpressions: [{key: a, operator: In}]}}',
  "spec.podSelector.matchExpressions[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn'",
);
test(
  badSpec,
  '{podSelector: {matchExpressions: [{key: a, operator: Exists, values: [b]}]}}',
  "spec.podSelector.matchExpressions[0].values: Forbidden: may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
);

test(badSpec, '{ingress: [{from: [{}]}]}', 'spec.ingress[0].from[0]: Required value: must specify a peer');
test(
  badSpec,
  '{ingress: [{from: [{podSelector: null}]}]}',
  'spec.ingress[0].from[0]: Required value: must specify a peer',
);
test(
  badSpec,
  '{ingress: [{from: [{podSelector: {}, ipBlock: {cidr: 10.0.0.0/8}}]}]}',
  'spec.ingress[0].from[0]: Forbidden: may not specify both ipBlock and another peer',
);
test(
  badSpec,
  '{ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/33}}]}]}',
  'spec.ingress[0].from[0].ipBlock.cidr: Invalid value: "10.0.0.0/33": must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)',
);
test(badSpec, '{ingress: [{from: [{ipBlock: {}}]}]}', 'spec.ingress[0].from[0].ipBlock.cidr: Required value');
test(
  badSpec,
  '{egress: [{to: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.0.0.0/8]}}]}]}',
  'spec.egress[0].to[0].ipBlock.except[0]: Invalid value: "10.0.0.0/8": must be a strict subset of `cidr`',
);
test(
  badSpec,
  '{egress: [{to: [{ipBlock: {cidr: 10.0.0.0/8, except: ["fd00::/64"]}}]}]}',
  'spec.egress[0].to[0].ipBlock.except[0]: Invalid value: "fd00::/64": must be a strict subset of `cidr`',
);
test(
  badSpec,
  '{egress: [{to: [{ipBlock: {cidr: 10.0.0.0/8, except: [x]}}]}]}',
  'spec.egress[0].to[0].ipBlock.except[0]: Invalid value: "x": must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)',
);

test(
  badSpec,
  '{ingress: [{ports: [{protocol: ICMP}]}]}',
  'spec.ingress[0].ports[0].protocol: Unsupported value: "ICMP": supported values: "TCP", "UDP", "SCTP"',
);
test(
  badSpec,
  '{ingress: [{ports: [{port: 0}]}]}',
  'spec.ingress[0].ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive',
);
test(
  badSpec,
  '{ingress: [{ports: [{port: 8.5}]}]}',
  'spec.ingress[0].ports[0].port: Invalid value: "number": spec.ingress[0].ports[0].port in body must be of type integer: "number"',
);
test(
  badSpec,
  '{ingress: [{ports: [{port: 80, endPort: 79}]}]}',
  'spec.ingress[0].ports[0].endPort: Invalid value: 80: must be greater than or equal to `port`',
);
test(
  badSpec,
  '{ingress: [{ports: [{port: 80, endPort: 65536}]}]}',
  'spec.ingress[0].ports[0].endPort: Invalid value: 65536: must be between 1 and 65535, inclusive',
);
test(
  badSpec,
  '{ingress: [{ports: [{port: http, endPort: 80}]}]}',
  'spec.ingress[0].ports[0].endPort: Invalid value: 80: may not be specified when `port` is non-numeric',
);
test(
  badSpec,
  '{ingress: [{ports: [{endPort: 80}]}]}',
  'spec.ingress[0].ports[0].endPort: Invalid value: 80: may not be specified when `port` is not specified',
);
test(
  badSpec,
  '{ingress: [{ports: [{port: "80"}]}]}',
  'spec.ingress[0].ports[0].port: Invalid value: "80": must contain at least one letter (a-z)',
);
test(
  badSpec,
  '{ingress: [{ports: [{port: ht--tp}]}]}',
  'spec.ingress[0].ports[0].port: Invalid value: "ht--tp": must not contain consecutive hyphens',
);

const many = (count: number) => Array.from({ length: count }, () => ({ podSelector: {} }));
const spec = (counts: readonly number[]) => ({ ingress: counts.map((count) => ({ from: many(count) })) });

test('lists are limited, and rules of a policy are, too', (t) => {
  t.deepEqual(problemsOf({ metadata: name, spec: spec([1024, 1024, 1024, 1024]) }), []);
  t.deepEqual(problemsOf({ metadata: name, spec: spec([1024, 1024, 1024, 1024, 1]) }), [
    'spec: Too many: 4097: must have at most 4096 items',
  ]);
  t.deepEqual(problemsOf({ metadata: name, spec: spec([1025]) }), [
    'spec.ingress[0].from: Too many: 1025: must have at most 1024 items',
  ]);
});

test('peers and ports together are limited, in both directions', (t) => {
  const ports = Array.from({ length: 128 }, (_, at) => ({ port: 1_000 + 2 * at, endPort: 1_001 + 2 * at }));
  const rules = (count: number) => ({ from: many(count), ports });
  t.deepEqual(problemsOf({ metadata: name, spec: { ingress: [rules(128)] } }), []);
  t.deepEqual(problemsOf({ metadata: name, spec: { ingress: [rules(128)], egress: [{ to: many(1) }] } }), [
    'spec: Forbidden: its peers and ports make 16385 matches, more than 16384',
  ]);
});

test('exceptions of blocks are limited by the prefixes that they leave', (t) => {
  const except = Array.from({ length: 256 }, (_, at) => `2001:db8::${at}/128`);
  const peers = (count: number) => Array.from({ length: count }, () => ({ ipBlock: { cidr: '::/0', except } }));
  t.deepEqual(problemsOf({ metadata: name, spec: { egress: [{ to: peers(1) }] } }), [
    'spec: Forbidden: its blocks may become 32769 prefixes without their exceptions, more than 32768',
  ]);
  except.pop();
  t.deepEqual(problemsOf({ metadata: name, spec: { egress: [{ to: peers(1) }] } }), []);
});

test('an object of problems alone gives a few of them', (t) => {
  const fields = Object.fromEntries(Array.from({ length: 500 }, (_, at) => [`field${at}`, 1]));
  t.is(problemsOf({ metadata: name, spec: fields }).length, 50);
  const [problem] = problemsOf({ metadata: { name: 'A'.repeat(10_000) } });
  t.true(problem!.length < 300);
});
