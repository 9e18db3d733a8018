import test from 'ava';
import { closedClusterNetworkPolicy, closedNetworkPolicy } from '../../src/policy/closed-policy.ts';
import type { Tier } from '../../src/policy/policy.ts';
import { readPolicy } from '../../src/policy/read-policy.ts';

const metadata = { name: 'web' };
const rule = { action: 'Deny', from: [{ namespaces: {} }] };
const clusterSpec = { tier: 'Baseline', priority: 7, subject: { namespaces: {} }, ingress: [rule] };

const reads = test.macro<[string, string, object, Tier]>({
  exec: (t, apiVersion: string, kind: string, spec: object, tier) =>
    t.is(readPolicy({ apiVersion, kind, metadata, spec }).policy?.tier, tier),
  title: (_, apiVersion, kind) => `${apiVersion} ${kind} is read`,
});
test(reads, 'networking.k8s.io/v1', 'NetworkPolicy', {}, 'namespace');
test(reads, 'policy.networking.k8s.io/v1alpha2', 'ClusterNetworkPolicy', clusterSpec, 'baseline');
test(reads, 'policy.networking.k8s.io/v1beta1', 'ClusterNetworkPolicy', clusterSpec, 'baseline');

test('other kinds are no policies', (t) => {
  t.deepEqual(readPolicy({ apiVersion: 'networking.k8s.io/v1', kind: 'Ingress' }), {
    policy: undefined,
    problems: ['no matches for kind "Ingress" in version "networking.k8s.io/v1"'],
  });
  t.deepEqual(readPolicy('constructor'), { policy: undefined, problems: ['no matches for kind "" in version ""'] });
});

const selector = { matchLabels: { app: 'web' } };
const requirement = { key: 'app', operator: 'In' as const, values: ['web'] };
const isolated = {
  tier: 'namespace' as const,
  priority: 0,
  namespace: 'shop',
  name: 'web',
  directions: ['ingress', 'egress'] as const,
  ingress: [],
  egress: [],
  isAudit: false,
};

test('instead of a policy that cannot be read, its pods are isolated in both directions', (t) => {
  const spec = { podSelector: selector, policyTypes: ['Egress'], egress: [{ to: [{ newKindOfPeer: {} }] }] };
  t.deepEqual(closedNetworkPolicy({ metadata: { name: 'web', namespace: 'shop' }, spec }), {
    ...isolated,
    subject: { namespaces: 'shop', pods: [requirement] },
  });
});

test('if its pods cannot be read either, its whole namespace is isolated', (t) => {
  const spec = { podSelector: { newKindOfSelector: {}, matchLabels: { app: 'web' } } };
  t.deepEqual(closedNetworkPolicy({ metadata: { name: 'web', namespace: 'shop', newField: 1 }, spec }), {
    ...isolated,
    subject: { namespaces: 'shop', pods: [] },
  });
});

test('a policy that cannot be read keeps its audit mode', (t) => {
  const annotations = { 'weft.dev/policy-mode': 'audit' };
  t.true(closedNetworkPolicy({ metadata: { ...metadata, annotations } })!.isAudit);
});

test('instead of a policy of the cluster that cannot be read, its pods are denied everything first', (t) => {
  const closed = closedClusterNetworkPolicy({ metadata, spec: { tier: 'Third', subject: { namespaces: selector } } })!;
  t.deepEqual([closed.tier, closed.priority, closed.directions], ['admin', 0, ['ingress', 'egress']]);
  t.deepEqual(closed.subject, { namespaces: [requirement], pods: [] });
  const deny = { title: '', action: 'deny' as const, peer: { kind: 'all' as const }, ports: undefined };
  t.deepEqual([closed.ingress, closed.egress], [[{ ...deny, place: 'ingress' }], [{ ...deny, place: 'egress' }]]);
  t.deepEqual(closedClusterNetworkPolicy({ metadata })!.subject, { namespaces: [], pods: [] });
});

test('what has no name is not enforced', (t) => {
  t.is(closedNetworkPolicy({ metadata: { name: 'a b' } }), undefined);
  t.is(closedNetworkPolicy({ metadata: { name: 'web', namespace: 'a.b' } }), undefined);
  t.is(closedClusterNetworkPolicy(undefined), undefined);
});
