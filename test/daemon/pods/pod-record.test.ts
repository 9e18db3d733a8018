import test from 'ava';
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

test('what is stored is what is read; a record of an earlier version has no sources', (t) => {
  for (const known of [record, { ...record, allowSources: ['10.244.7.0/24'] }])
    t.deepEqual(parsePodRecord(JSON.parse(JSON.stringify(known))), known);
});

const damaged: [string, unknown][] = [
  ['nothing', null],
  ['an empty one', {}],
  ['a device that is not ours', { ...record, hostDevice: 'eth0' }],
  ['a source that is no prefix', { ...record, allowSources: ['10.244.7.1/24'] }],
  ['a phase that does not exist', { ...record, phase: 'done' }],
];
for (const [what, document] of damaged) {
  test(`a record with ${what} is none`, (t) => t.is(parsePodRecord(document), undefined));
}
