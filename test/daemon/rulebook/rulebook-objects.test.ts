import test from 'ava';
import { RulebookObjects } from '../../../src/daemon/rulebook/rulebook-objects.ts';
import { withAssignments } from '../../../src/daemon/services/assigned-wishes.ts';
import type { RulebookEntry } from '../../../src/rulebook/entry.ts';
import { SeededRandom } from '../../../src/sim/seeded-random.ts';
import { formatIpAddress } from '../../../src/wire/address.ts';
import { parsePrefix } from '../../../src/wire/prefix.ts';

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

test('a service that this version cannot read is not there, but what is assigned to it stays its own', (t) => {
  const spec = {
    clusterIP: '10.96.0.7',
    clusterIPs: ['10.96.0.7', 'fd00:10:96::7', 'nonsense'],
    ports: [{ port: 80, nodePort: 30_080 }, { port: 53, protocol: 'UDP', nodePort: 30_053 }, 'nonsense', { port: 1 }],
    later: true,
  };
  const status = { loadBalancer: { ingress: [{ ip: '192.0.2.10' }, 'nonsense'] } };
  const later = { apiVersion: 'v1', kind: 'Service', metadata, spec, status };
  const objects = new RulebookObjects([entryOf('Service', later, 'shop')]);
  t.is(objects.objectsOf('services').size, 0);
  const { clusterAddresses, loadBalancerAddresses, ports, ...rest } = objects.assignedServices().get('shop/web')!;
  t.like(rest, { namespace: 'shop', name: 'web' });
  t.deepEqual(clusterAddresses.map(formatIpAddress), ['10.96.0.7', 'fd00:10:96::7']);
  t.deepEqual(loadBalancerAddresses.map(formatIpAddress), ['192.0.2.10']);
  t.deepEqual(
    ports.map(({ protocol, nodePort }) => [protocol, nodePort]),
    [
      ['TCP', 30_080],
      ['UDP', 30_053],
    ],
  );
  t.regex(objects.unreadableServices.get('shop/web')!.problem, /later/);
  const readable = { ...later, spec: { ports: [{ port: 80 }] }, status: {} };
  objects.update([entryOf('Service', readable, 'shop')]);
  t.deepEqual([objects.unreadableServices.size, objects.assignedServices().size], [0, 1]);
});

test('nobody else gets an address of a service that cannot be read', (t) => {
  const spec = { clusterIP: '10.96.0.1', ports: [{ port: 80, nodePort: 30_080 }], later: true };
  const objects = new RulebookObjects([entryOf('Service', { metadata, spec }, 'shop')]);
  const random = new SeededRandom(1);
  const give = (wanted: object) => {
    const object = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'other', namespace: 'shop' }, spec: wanted };
    const wish = { kind: 'Service' as const, namespace: 'shop', name: 'other', object: JSON.stringify(object) };
    // Of four addresses, two can be given.
    const means = { prefixes: [parsePrefix('10.96.0.0/30')!], pools: [], hosts: [], random };
    return withAssignments([wish], objects.assignedServices(), means);
  };
  t.throws(() => give({ clusterIP: '10.96.0.1', ports: [{ port: 80 }] }), { code: 'service-address-taken' });
  t.throws(() => give({ type: 'NodePort', ports: [{ port: 80, nodePort: 30_080 }] }), { code: 'node-port-taken' });
  for (let draw = 0; draw < 20; draw++) t.regex(give({ ports: [{ port: 80 }] })[0]!.object!, /"10\.96\.0\.2"/);
});

test('a policy whose metadata cannot be read is not forgotten, and is said to be odd', (t) => {
  const odd = { apiVersion: 7, metadata: { ...metadata, annotations: 'none' }, spec: { podSelector: {} } };
  const objects = new RulebookObjects([entryOf('NetworkPolicy', odd, 'shop')]);
  const policy = objects.objectsOf('networkpolicies').get('shop/web')!;
  t.deepEqual(policy.object.spec, odd.spec);
  t.regex(policy.omission, /cannot be read/);
});
