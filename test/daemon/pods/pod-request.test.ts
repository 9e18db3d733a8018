import test from 'ava';
import type { PodRequest } from '../../../src/api/control-api.ts';
import { checkNewPodName, parsePodRequest } from '../../../src/daemon/pods/pod-request.ts';
import { ConfigError } from '../../../src/errors.ts';
import { formatIpAddress } from '../../../src/wire/address.ts';
import { formatPrefix } from '../../../src/wire/prefix.ts';

test('a request is parsed', (t) => {
  const wish = parsePodRequest('web-1.a_b', {
    netns: 'ns',
    addresses: ['10.0.0.2', 'FD00::02'],
    mac: '02:AA:bb:00:00:01',
  });
  t.deepEqual(wish.addresses?.map(formatIpAddress), ['10.0.0.2', 'fd00::2']);
  t.is(wish.mac, '02:aa:bb:00:00:01');
  t.is(wish.netns, 'ns');
  t.false(wish.newNetns);
});

test('allowed sources are prefixes; none of them is something else than no word about them', (t) => {
  const sources = parsePodRequest('gw', {
    newNetns: true,
    allowSources: ['10.244.7.0/24', 'FD00:7::/64'],
  }).allowSources;
  t.deepEqual(sources?.map(formatPrefix), ['10.244.7.0/24', 'fd00:7::/64']);
  t.deepEqual(parsePodRequest('gw', { newNetns: true, allowSources: [] }).allowSources, []);
  t.is(parsePodRequest('gw', { newNetns: true }).allowSources, undefined);
});

test('no addresses are the same as none wanted', (t) => {
  t.is(parsePodRequest('web', { newNetns: true, addresses: [] }).addresses, undefined);
});

const refused = test.macro({
  exec: (t, name: string, request: PodRequest, path: string) => {
    const error = t.throws(() => parsePodRequest(name, request), { instanceOf: ConfigError });
    t.is(error.details['path'], path);
  },
  title: (title) => `${title} is refused`,
});

for (const name of ['', '-a', '.', '..', 'a/b', 'a b', 'a:b', 'a\nb', 'ä', 'a'.repeat(129)]) {
  test(`the name ${JSON.stringify(name)}`, refused, name, { newNetns: true }, 'name');
}
for (const name of ['Web', 'a_b', 'a.b', 'a-', 'a'.repeat(64)]) {
  test(`a new pod is not called ${JSON.stringify(name)}, but one of an earlier version may be`, (t) => {
    t.notThrows(() => parsePodRequest(name, { newNetns: true }));
    t.throws(() => checkNewPodName(name), {
      message: `name: ${JSON.stringify(name)} is not a name for a pod: 1 to 63 lower-case letters, digits and hyphens, with a letter or digit at both ends: what DNS can carry`,
    });
  });
}

test('namespace, labels and interface are as they were asked for', (t) => {
  const wish = parsePodRequest('web', { newNetns: true, namespace: 'shop', labels: { app: 'web' }, device: 'net1' });
  t.like(wish, { namespace: 'shop', labels: { app: 'web' }, device: 'net1' });
  t.is(parsePodRequest('web', { newNetns: true }).namespace, 'default');
});

for (const device of ['', 'lo', '..', '-a', 'a/b', 'a b', 'a:b', 'a;b', 'a'.repeat(16)]) {
  test(`the interface ${JSON.stringify(device)}`, refused, 'web', { newNetns: true, device }, 'device');
}
test('a namespace that DNS cannot carry', refused, 'web', { newNetns: true, namespace: 'my_shop' }, 'namespace');
test('a label that is none', refused, 'web', { newNetns: true, labels: { 'a b': '' } }, 'labels');
test('no network namespace', refused, 'web', {}, '');
test('two network namespaces', refused, 'web', { netns: 'a', pid: 1 }, '');
test('an empty network namespace', refused, 'web', { netns: '' }, 'netns');
test('a process 0', refused, 'web', { pid: 0 }, 'pid');
test('half a process', refused, 'web', { pid: 1.5 }, 'pid');
test('an address that is none', refused, 'web', { newNetns: true, addresses: ['10.0.0.2', '10.0.0'] }, 'addresses[1]');
test('a source that is no prefix', refused, 'gw', { newNetns: true, allowSources: ['10.244.7.1'] }, 'allowSources[0]');
test(
  'a source with bits behind its length',
  refused,
  'gw',
  { newNetns: true, allowSources: ['10.244.7.0/24', '10.244.8.1/24'] },
  'allowSources[1]',
);
test('a MAC address that is none', refused, 'web', { newNetns: true, mac: '02:00' }, 'mac');
test('a group as MAC address', refused, 'web', { newNetns: true, mac: '01:00:5e:00:00:01' }, 'mac');
test('a MAC address of zeros', refused, 'web', { newNetns: true, mac: '00:00:00:00:00:00' }, 'mac');
