import test from 'ava';
import { keyOf, leaseKeyOfPod } from '../../../src/daemon/pods/pod-key.ts';
import { parsePodRecord, type PodRecord } from '../../../src/daemon/pods/pod-record.ts';

const record: PodRecord = {
  name: 'web',
  network: 'default',
  phase: 'ready',
  netns: '/run/netns/web',
  netnsIdentity: '4:1',
  ownsNetns: false,
  mac: '02:00:00:00:00:01',
  hostDevice: 'wf00000001',
  createdAt: '2025-01-01T00:00:00.000Z',
  notices: [],
};

const attachment = { containerId: '9f86d081', cniNetwork: 'overlay' };

test('what is stored is what is read; a record of an earlier version has no sources, namespace, labels or interface', (t) => {
  const more: PodRecord = { ...record, namespace: 'shop', labels: { app: 'web' }, device: 'net1', attachment };
  for (const known of [record, { ...record, allowSources: ['10.244.7.0/24'] }, more])
    t.deepEqual(parsePodRecord(JSON.parse(JSON.stringify(known))), known);
});

const damaged: [string, unknown][] = [
  ['nothing', null],
  ['an empty one', {}],
  ['a device that is not ours', { ...record, hostDevice: 'eth0' }],
  ['a source that is no prefix', { ...record, allowSources: ['10.244.7.1/24'] }],
  ['a namespace that is no text', { ...record, namespace: 1 }],
  ['labels that are a list', { ...record, labels: ['app=web'] }],
  ['a label that is no text', { ...record, labels: { app: 1 } }],
  ['an attachment without its network', { ...record, attachment: { containerId: 'a' } }],
  ['a phase that does not exist', { ...record, phase: 'done' }],
];
for (const [what, document] of damaged) {
  test(`a record with ${what} is none`, (t) => t.is(parsePodRecord(document), undefined));
}

test('pods by hand are known by namespace and name, attachments by container and interface', (t) => {
  t.is(keyOf({ name: 'web' }), 'web');
  t.is(keyOf({ name: 'web', namespace: 'shop' }), 'shop/web');
  t.is(keyOf({ name: 'web', namespace: 'shop', attachment }), '9f86d081:eth0');
  t.is(keyOf({ name: 'web', namespace: 'shop', attachment, device: 'net1' }), '9f86d081:net1');
  t.deepEqual(leaseKeyOfPod(record), { network: 'default', pod: 'web' });
  t.deepEqual(leaseKeyOfPod({ ...record, attachment, device: 'net1' }), {
    network: 'default',
    containerId: '9f86d081',
    interface: 'net1',
    title: 'web',
  });
});
