import test from 'ava';
import { RulebookObjects } from '../../../src/daemon/rulebook/rulebook-objects.ts';
import type { RulebookEntry } from '../../../src/rulebook/entry.ts';

function entryOf(kind: RulebookEntry['kind'], object: object | undefined, namespace = ''): RulebookEntry {
  const name = 'web';
  return { kind, namespace, name, version: 5, origin: 'n1', object: object && JSON.stringify(object) };
}

const metadata = { name: 'web', namespace: 'shop' };

test('objects are found by their names, with where they were given, until they are deleted', (t) => {
  const objects = new RulebookObjects([entryOf('NetworkPolicy', { metadata, spec: { podSelector: {} } }, 'shop')]);
  t.like(objects.objectsOf('networkpolicies').get('shop/web'), { namespace: 'shop', name: 'web', omission: '' });
  t.deepEqual(objects.givenAt('networkpolicies', 'shop/web'), { node: 'n1', atMs: 5 });
  const changed = objects.update([
    entryOf('NetworkPolicy', undefined, 'shop'),
    entryOf('Namespace', { metadata: { name: 'web', labels: { a: 'b' } } }),
  ]);
  t.deepEqual(
    [...changed],
    [
      ['networkpolicies', ['shop/web']],
      ['namespaces', ['web']],
    ],
  );
  t.is(objects.objectsOf('networkpolicies').size, 0);
  t.is(objects.givenAt('networkpolicies', 'shop/web'), undefined);
  t.deepEqual(objects.deletedAt('networkpolicies', 'shop/web'), { node: 'n1', atMs: 5 });
  t.is(objects.deletedAt('namespaces', 'web'), undefined);
  t.deepEqual(objects.objectsOf('namespaces').get('web')?.labels, { a: 'b' });
  objects.update([]);
  t.is(objects.deletedAt('networkpolicies', 'shop/web'), undefined);
});

test('services are found by their names until they are deleted', (t) => {
  const object = { apiVersion: 'v1', kind: 'Service', metadata, spec: { ports: [{ port: 80 }] } };
  const objects = new RulebookObjects([entryOf('Service', object, 'shop')]);
  t.like(objects.objectsOf('services').get('shop/web'), { namespace: 'shop', name: 'web', type: 'ClusterIP' });
  t.deepEqual(objects.givenAt('services', 'shop/web'), { node: 'n1', atMs: 5 });
  t.deepEqual([...objects.update([entryOf('Service', undefined, 'shop')])], [['services', ['shop/web']]]);
  t.is(objects.objectsOf('services').size, 0);
  t.deepEqual(objects.deletedAt('services', 'shop/web'), { node: 'n1', atMs: 5 });
});

test('a service that this version cannot read is as if it were not there', (t) => {
  const later = { apiVersion: 'v1', kind: 'Service', metadata, spec: { ports: [{ port: 80 }], later: true } };
  const objects = new RulebookObjects([entryOf('Service', later, 'shop')]);
  t.is(objects.objectsOf('services').size, 0);
});

test('a policy whose metadata cannot be read is not forgotten, and is said to be odd', (t) => {
  const odd = { apiVersion: 7, metadata: { ...metadata, annotations: 'none' }, spec: { podSelector: {} } };
  const objects = new RulebookObjects([entryOf('NetworkPolicy', odd, 'shop')]);
  const policy = objects.objectsOf('networkpolicies').get('shop/web')!;
  t.deepEqual(policy.object.spec, odd.spec);
  t.regex(policy.omission, /cannot be read/);
});
