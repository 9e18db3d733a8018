import test from 'ava';
import { WeftError } from '../../../src/errors.ts';
import { parseGiveRequest } from '../../../src/daemon/rulebook/give-request.ts';

const web = {
  kind: 'NetworkPolicy',
  apiVersion: 'networking.k8s.io/v1',
  metadata: { name: 'web', namespace: 'shop' },
  spec: { podSelector: {}, policyTypes: ['Ingress'] },
};
const shop = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop', labels: { team: 'a' } } };

function parse(request: object): ReturnType<typeof parseGiveRequest> {
  return parseGiveRequest(JSON.stringify(request));
}

test('objects and deletions become wishes, without what an API server adds', (t) => {
  const told = {
    ...web,
    metadata: {
      ...web.metadata,
      uid: 'u',
      resourceVersion: '7',
      managedFields: [{ manager: 'kubectl' }],
      annotations: { 'kubectl.kubernetes.io/last-applied-configuration': '{}', 'weft.dev/policy-mode': 'audit' },
    },
    status: {},
  };
  const wishes = parse({ apply: [told, shop], delete: [{ kind: 'ClusterNetworkPolicy', name: 'tenants' }] });
  t.deepEqual(
    wishes.map(({ kind, namespace, name }) => `${kind} ${namespace}/${name}`),
    ['NetworkPolicy shop/web', 'Namespace /shop', 'ClusterNetworkPolicy /tenants'],
  );
  t.deepEqual(JSON.parse(wishes[0]!.object!), {
    ...web,
    metadata: { ...web.metadata, annotations: { 'weft.dev/policy-mode': 'audit' } },
  });
  t.deepEqual(JSON.parse(wishes[1]!.object!), shop);
  t.is(wishes[2]!.object, undefined);
});

test('what says the same in another order is the same text', (t) => {
  const turned = Object.fromEntries(Object.entries(web).toReversed());
  t.is(parse({ apply: [turned] })[0]!.object, parse({ apply: [web] })[0]!.object);
});

test('a policy without a namespace is in the default one', (t) => {
  const [wish] = parse({ apply: [{ ...web, metadata: { name: 'web' } }] });
  t.is(wish!.namespace, 'default');
  t.like(JSON.parse(wish!.object!), { metadata: { namespace: 'default' } });
});

const refuses = test.macro({
  exec: (t, request: object, message: RegExp) => {
    const error = t.throws(() => parse(request), { instanceOf: WeftError });
    t.is(error.code, 'config-invalid');
    t.regex(error.message, message);
  },
  title: (name = '') => `refuses ${name}`,
});

test(
  'a policy that is wrong, in the words of the API',
  refuses,
  { apply: [shop, { ...web, spec: { podSelektor: {} } }] },
  /^apply\[1\]: unknown field "spec\.podSelektor"/,
);
test('another kind', refuses, { apply: [{ ...web, kind: 'Pod' }] }, /no matches for kind "Pod" in version/);
test('what is no object', refuses, { apply: ['web'] }, /^apply\[0\]: /);
test(
  'a namespace whose labels are none',
  refuses,
  { apply: [{ ...shop, metadata: { name: 'shop', labels: { a: 'b c' } } }] },
  /^apply\[0\]: metadata\.labels: Invalid value: "b c"/,
);
test(
  'a namespace of another version',
  refuses,
  { apply: [{ ...shop, apiVersion: 'v2' }] },
  /no matches for kind "Namespace" in version "v2"/,
);
test(
  'a name that nothing can have',
  refuses,
  { delete: [{ kind: 'NetworkPolicy', namespace: 'shop', name: 'A/b' }] },
  /^delete\[0\]: there can be no NetworkPolicy shop\/A\/b/,
);
test(
  'one object twice',
  refuses,
  { apply: [web], delete: [{ kind: 'NetworkPolicy', namespace: 'shop', name: 'web' }] },
  /NetworkPolicy shop\/web is named twice/,
);
test('a key that is not known', refuses, { remove: [] }, /^remove: is not a known key/);
