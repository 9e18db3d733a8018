import test from 'ava';
import { parsePodsDocument, podsDocument, type PodRecord } from '../../../src/daemon/pods/pod-record.ts';
import { WeftError } from '../../../src/errors.ts';

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
const leases = { leases: [], cursors: {} };

test('what is stored is what is read', (t) => {
  const document: unknown = JSON.parse(JSON.stringify(podsDocument([record], leases)));
  t.deepEqual(parsePodsDocument(document).pods, [record]);
});

test('the sources of a router are stored; a record of an earlier version has none', (t) => {
  const router = { ...record, allowSources: ['10.244.7.0/24'] };
  const document: unknown = JSON.parse(JSON.stringify(podsDocument([router, record], leases)));
  const [first, second] = parsePodsDocument(document).pods;
  t.deepEqual(first?.allowSources, ['10.244.7.0/24']);
  t.is(second?.allowSources, undefined);
});

const damaged: [string, unknown][] = [
  ['nothing', null],
  ['another version', { ...podsDocument([], leases), version: 2 }],
  ['no leases', { ...podsDocument([], leases), leases: undefined }],
  ['a pod that is none', { ...podsDocument([], leases), pods: [null] }],
  ['a device that is not ours', podsDocument([{ ...record, hostDevice: 'eth0' }], leases)],
  ['a source that is no prefix', podsDocument([{ ...record, allowSources: ['10.244.7.1/24'] }], leases)],
  ['a phase that does not exist', podsDocument([{ ...record, phase: 'done' as 'ready' }], leases)],
];
for (const [what, document] of damaged) {
  test(`a document with ${what} is corrupt`, (t) => {
    const error = t.throws(() => parsePodsDocument(document), { instanceOf: WeftError });
    t.is(error.code, 'store-corrupt');
  });
}
