import test from 'ava';
import type { ApiPod } from '../../src/kubernetes/api-object.ts';
import { fittingLabels } from '../../src/kubernetes/fitting-labels.ts';
import { PodAgreement, type PodHere } from '../../src/kubernetes/pod-agreement.ts';

const LATER_MS = 90_000;

function inApi(name: string, address: string, change: Partial<ApiPod> = {}): ApiPod {
  return {
    namespace: 'default',
    name,
    uid: `u-${name}`,
    runtimeUid: `u-${name}`,
    labels: {},
    hostNetwork: false,
    phase: 'Running',
    addresses: [address],
    ports: [],
    hasMorePorts: false,
    isEnding: false,
    ...change,
  };
}

function here(name: string, address: string, uid: string | undefined = `u-${name}`): PodHere {
  return { namespace: 'default', name, uid, addresses: [address] };
}

function isOverlay(address: string): boolean {
  return address.startsWith('10.244.');
}

/** What differs, and goes on to. */
function differences(api: readonly ApiPod[], pods: readonly PodHere[]): string[] {
  const agreement = new PodAgreement();
  if (agreement.compare(api, pods, isOverlay, 0).length > 0) throw new Error('at once');
  return agreement.compare(api, pods, isOverlay, LATER_MS).map(({ problem, message }) => `${problem}: ${message}`);
}

test('pods that are here and there agree', (t) => {
  t.deepEqual(differences([inApi('a', '10.244.1.2')], [here('a', '10.244.1.2')]), []);
  t.deepEqual(differences([inApi('a', '10.244.1.2')], [{ ...here('a', '10.244.1.2'), uid: undefined }]), []);
});

test('a pod that runs with an address that nobody has here differs', (t) => {
  t.deepEqual(differences([inApi('a', '10.244.1.2')], []), [
    'missing: Kubernetes says that pod default/a runs on this node with 10.244.1.2, and no pod here has it',
  ]);
});

test('an address that another pod has here differs, also one of the same name that came before', (t) => {
  t.deepEqual(
    differences(
      [inApi('a', '10.244.1.2'), inApi('b', '10.244.1.3')],
      [here('a', '10.244.1.3'), here('b', '10.244.1.2')],
    ),
    [
      'missing: Kubernetes says that pod default/a runs on this node with 10.244.1.2, and here, pod default/b has it',
      'missing: Kubernetes says that pod default/b runs on this node with 10.244.1.3, and here, pod default/a has it',
    ],
  );
  t.is(differences([inApi('a', '10.244.1.2')], [here('a', '10.244.1.2', 'u-before')]).length, 2);
});

test('a pod that Kubernetes does not know differs, unless no runtime said that it is one of its', (t) => {
  t.deepEqual(differences([], [here('a', '10.244.1.2')]), [
    'stale: pod default/a has 10.244.1.2 here, and Kubernetes has no such pod on this node (UID u-a)',
  ]);
  t.deepEqual(differences([], [{ ...here('a', '10.244.1.2'), uid: undefined }]), []);
});

test('pods of the host network, of other networks, that wait, end or have ended need no address here', (t) => {
  const pods = [
    inApi('a', '198.18.0.1', { hostNetwork: true }),
    inApi('b', '10.99.0.1'),
    inApi('c', '10.244.1.2', { phase: 'Succeeded' }),
    inApi('d', '10.244.1.3', { phase: 'Pending' }),
    inApi('e', '10.244.1.4', { isEnding: true }),
  ];
  t.deepEqual(differences(pods, []), []);
});

test('what differs for a moment does not count, however often', (t) => {
  const agreement = new PodAgreement();
  for (let round = 0; round < 10; round++) {
    t.deepEqual(
      agreement.compare([], [here('a', '10.244.1.2')], () => true, round * 120_000),
      [],
    );
    t.deepEqual(
      agreement.compare([], [], () => true, round * 120_000 + 60_000),
      [],
    );
  }
});

test('a static pod is known by the UID that its runtime has', (t) => {
  t.deepEqual(differences([inApi('a', '10.244.1.2', { uid: 'u-mirror' })], [here('a', '10.244.1.2')]), []);
});

test('as many labels as other nodes take are the same ones each time', (t) => {
  const labels = Object.fromEntries(Array.from({ length: 70 }, (_, at) => [`l${String(99 - at)}`, 'x']));
  const { labels: fitting, cut } = fittingLabels(labels);
  t.is(cut, 6);
  t.deepEqual(Object.keys(fitting), Object.keys(labels).toSorted().slice(0, 64));
  t.deepEqual(fittingLabels({ app: 'web' }), { labels: { app: 'web' }, lengthBytes: 16, cut: 0 });
  const long = Object.fromEntries(Array.from({ length: 40 }, (_, at) => [`k${at}`.padEnd(63, 'k'), 'v'.repeat(63)]));
  t.true(fittingLabels(long).cut > 0);
});
