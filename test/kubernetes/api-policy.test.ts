import test from 'ava';
import {
  MAX_SPEC_CHARACTERS,
  MAX_SPEC_DEPTH,
  readClusterNetworkPolicy,
  readNetworkPolicy,
} from '../../src/kubernetes/api-policy.ts';

const spec = { podSelector: { matchLabels: { app: 'web' } }, policyTypes: ['Ingress'], ingress: [{}] };

test('a NetworkPolicy is kept as it was written, without what says nothing of it', (t) => {
  const lastApplied = { 'kubectl.kubernetes.io/last-applied-configuration': 'x'.repeat(1_000) };
  const metadata = { name: 'web', namespace: 'shop', uid: 'u', resourceVersion: '7', managedFields: [{}] };
  const object = { metadata: { ...metadata, annotations: { ...lastApplied, mode: 'audit' } }, spec, status: {} };
  t.deepEqual(readNetworkPolicy(object), {
    namespace: 'shop',
    name: 'web',
    object: {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'NetworkPolicy',
      metadata: { name: 'web', namespace: 'shop', annotations: { mode: 'audit' } },
      spec,
    },
    omission: '',
  });
});

test('a ClusterNetworkPolicy has no namespace, and the version that it came in', (t) => {
  const apiVersion = 'policy.networking.k8s.io/v1alpha2';
  const policy = readClusterNetworkPolicy({ apiVersion, metadata: { name: 'all' }, spec: { tier: 'Admin' } });
  t.deepEqual(policy, {
    namespace: '',
    name: 'all',
    object: {
      apiVersion,
      kind: 'ClusterNetworkPolicy',
      metadata: { name: 'all', annotations: {} },
      spec: { tier: 'Admin' },
    },
    omission: '',
  });
});

test('what is kept is read again as the same', (t) => {
  const policy = readNetworkPolicy({ metadata: { name: 'web', namespace: 'shop' }, spec })!;
  t.deepEqual(readNetworkPolicy(policy.object), policy);
});

for (const odd of [undefined, null, 7, 'all', [], { ingress: 'none' }]) {
  test(`a policy whose spec is ${JSON.stringify(odd)} is a policy: who reads it sees that it is wrong`, (t) => {
    const policy = readNetworkPolicy({ metadata: { name: 'web', namespace: 'shop' }, spec: odd });
    t.deepEqual(policy?.object.spec, odd ?? null);
  });
}

test('of rules that take too much, a word is left; what is selected is not lost', (t) => {
  const rules = Array.from({ length: 20_000 }, () => ({ from: [{ podSelector: {} }] }));
  const object = { metadata: { name: 'web', namespace: 'shop' }, spec: { ...spec, ingress: rules } };
  const policy = readNetworkPolicy(object)!;
  const kept = policy.object.spec as { readonly podSelector: object; readonly ingress: string };
  t.deepEqual(kept.podSelector, spec.podSelector);
  t.is(kept.ingress, 'omitted');
  t.regex(policy.omission, /^the spec has \d+ characters, more than 262144$/);
});

test('of a selector that takes too much, nothing but a word is left', (t) => {
  const podSelector = { matchLabels: { app: 'w'.repeat(MAX_SPEC_CHARACTERS) } };
  const policy = readNetworkPolicy({ metadata: { name: 'web', namespace: 'shop' }, spec: { ...spec, podSelector } });
  t.is(policy!.object.spec, 'omitted');
  t.not(policy!.omission, '');
});

/** A list with a list in it, and so on. */
function lists(depth: number): unknown {
  return JSON.parse('['.repeat(depth) + ']'.repeat(depth));
}

// JSON.stringify throws from some thousand on.
for (const depth of [MAX_SPEC_DEPTH, 100_000]) {
  test(`rules that are ${depth} deep are left out as such that are too long`, (t) => {
    const metadata = { name: 'web', namespace: 'shop' };
    const policy = readNetworkPolicy({ metadata, spec: { ...spec, ingress: lists(depth) } })!;
    t.deepEqual(policy.object.spec, { ...spec, ingress: 'omitted' });
    t.is(policy.omission, 'the spec has more than 32 lists and objects within each other');
    const selected = readNetworkPolicy({ metadata, spec: { ...spec, podSelector: lists(depth) } })!;
    t.is(selected.object.spec, 'omitted');
  });
}

test('rules that are less deep are kept', (t) => {
  const deep = { ...spec, ingress: lists(MAX_SPEC_DEPTH - 1) };
  const policy = readNetworkPolicy({ metadata: { name: 'web', namespace: 'shop' }, spec: deep })!;
  t.deepEqual([policy.object.spec, policy.omission], [deep, '']);
});

test('without a name, and in the wrong place, it is no policy', (t) => {
  t.is(readNetworkPolicy({ metadata: { namespace: 'shop' }, spec }), undefined);
  t.is(readNetworkPolicy({ metadata: { name: 'web' }, spec }), undefined);
  t.is(readNetworkPolicy(null), undefined);
  t.is(readClusterNetworkPolicy({ metadata: { name: 'all', namespace: 'shop' }, spec }), undefined);
});
