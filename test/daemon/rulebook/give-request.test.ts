import test from 'ava';
import { WeftError } from '../../../src/errors.ts';
import { parseGiveRequest } from '../../../src/daemon/rulebook/give-request.ts';
import { parseEntry, sealEntry } from '../../../src/rulebook/entry-codec.ts';
import type { RulebookWish } from '../../../src/rulebook/rulebook.ts';
import { readService } from '../../../src/services/read-service.ts';
import { SeededRandom } from '../../../src/sim/seeded-random.ts';
import { randomServiceObject } from '../../support/random-service-objects.ts';

const seed = Number(process.env['SEED'] ?? 1);

const web = {
  kind: 'NetworkPolicy',
  apiVersion: 'networking.k8s.io/v1',
  metadata: { name: 'web', namespace: 'shop' },
  spec: { podSelector: {}, policyTypes: ['Ingress'] },
};
const service = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'web', namespace: 'shop', labels: { app: 'web' }, annotations: { 'example.com/note': 'x' } },
  spec: { selector: { app: 'web' }, ports: [{ port: 80 }] },
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

test('a service is kept as its author wrote it, without its status', (t) => {
  const status = { loadBalancer: {} };
  const [wish] = parse({ apply: [{ ...service, status }] });
  t.like(wish, { kind: 'Service', namespace: 'shop', name: 'web' });
  t.deepEqual(JSON.parse(wish!.object!), service);
  const deletion = { kind: 'Service', namespace: 'shop', name: 'web' };
  t.deepEqual(parse({ delete: [deletion] }), [{ ...deletion, object: undefined } as RulebookWish]);
});

test(`services are read as they were given, wherever they come to (SEED=${seed})`, (t) => {
  const random = new SeededRandom(seed);
  for (let turn = 0; turn < 500; turn++) {
    const object = randomServiceObject(random);
    const { service: given } = readService(object);
    t.not(given, undefined, JSON.stringify(object));
    const [wish] = parse({ apply: [object] });
    const { bytes } = sealEntry({ ...wish!, version: 1 + turn, origin: 'n1' });
    const { entry } = parseEntry(bytes)!;
    t.deepEqual(readService(JSON.parse(entry.object!)).service, given);
  }
});

test('what says the same in another order is the same text', (t) => {
  const turned = Object.fromEntries(Object.entries(web).toReversed());
  t.is(parse({ apply: [turned] })[0]!.object, parse({ apply: [web] })[0]!.object);
});

test('a service without a namespace is in the default one', (t) => {
  const [wish] = parse({ apply: [{ ...service, metadata: { name: 'web' } }] });
  t.is(wish!.namespace, 'default');
  t.like(JSON.parse(wish!.object!), { metadata: { namespace: 'default' } });
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
test(
  'a service that is wrong, in the words of the API',
  refuses,
  { apply: [{ ...service, spec: { ...service.spec, port: 80 } }] },
  /^apply\[0\]: unknown field "spec\.port"$/,
);
test(
  'a service without a version',
  refuses,
  { apply: [{ ...service, apiVersion: undefined }] },
  /no matches for kind "Service" in version ""/,
);
test(
  'the name of a service without a namespace',
  refuses,
  { delete: [{ kind: 'Service', name: 'web' }] },
  /^delete\[0\]: there can be no Service web/,
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
