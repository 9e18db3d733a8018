/** Names as in Kubernetes: pods with their namespaces, and pods of workloads. */
import test from 'ava';
import type { Pod } from '../../../src/api/control-api.ts';
import { ClusterPods } from '../../../src/daemon/places/cluster-pods.ts';
import { Places } from '../../../src/daemon/places/places.ts';
import { parsePlaceName } from '../../../src/daemon/control/control-request.ts';
import { placeHandlers } from '../../../src/daemon/places/place-handlers.ts';
import { memberOf, prefix } from '../../support/announcements.ts';
import { FakeCluster, nobodyTells } from '../../support/fake-remote-nodes.ts';
import { fixedPod } from '../../support/fixed-handlers.ts';

const ofWeb = { 'pod-template-hash': '5d9c7b6f8' };
const ofSet = (name: string) => ({ 'statefulset.kubernetes.io/pod-name': name });

function pod(title: string, labels: Pod['labels'] = {}, state: Pod['state'] = 'running'): Pod {
  const [namespace, name] = title.split('/') as [string, string];
  return { ...fixedPod, namespace, name, labels, state, attachment: null };
}

const own = [
  pod('default/web-5d9c7b6f8-aaaaa', ofWeb, 'gone'),
  pod('default/web-5d9c7b6f8-ccccc', ofWeb),
  pod('default/web-5d9c7b6f8-bbbbb', ofWeb),
  pod('shop/db-10', ofSet('db-10')),
  pod('shop/db-9', ofSet('db-9')),
  pod('shop/api'),
  pod('default/agent-x7k2p', { 'controller-revision-hash': '7f8d' }),
  pod('job/load'),
  pod('default/load-x7k2p', { 'job-name': 'load' }),
];

function placesOf(pods: readonly Pod[] = own): Places {
  const known = new ClusterPods(new FakeCluster().node('n1'), 'n1', () => pods, nobodyTells);
  const clusterPrefixes = [prefix('10.244.0.0/16')];
  return new Places({ pods: known, members: () => [memberOf(1)], staticPeers: [], routes: () => [], clusterPrefixes });
}

const finds = test.macro<[string, string, string?]>({
  exec: async (t, text, label, remark = '') => {
    const place = await placesOf().find(text);
    t.is(place.label, label);
    t.is(place.remark, remark);
  },
  title: (_, text, label) => `${text} is ${label}`,
});

const FIRST = 'deploy/web is taken as n1/web-5d9c7b6f8-bbbbb, the first of its 3 pods';
test(finds, 'default/web-5d9c7b6f8-bbbbb', 'n1/web-5d9c7b6f8-bbbbb');
test(finds, 'pod/web-5d9c7b6f8-bbbbb', 'n1/web-5d9c7b6f8-bbbbb');
test(finds, 'shop/api', 'n1/shop/api');
test(finds, 'shop/pod/api', 'n1/shop/api');
test(finds, 'n1/shop/api', 'n1/shop/api');
test(finds, 'n1/default/agent-x7k2p', 'n1/agent-x7k2p');
test(finds, 'deploy/web', 'n1/web-5d9c7b6f8-bbbbb', FIRST);
test(
  finds,
  'default/deployment.apps/web',
  'n1/web-5d9c7b6f8-bbbbb',
  `default/${FIRST.replace('deploy/', 'deployment.apps/')}`,
);
test(finds, 'n1/deploy/web', 'n1/web-5d9c7b6f8-bbbbb', `n1/${FIRST}`);
test(finds, 'shop/sts/db', 'n1/shop/db-9', 'shop/sts/db is taken as n1/shop/db-9, the first of its 2 pods');
test(finds, 'ds/agent', 'n1/agent-x7k2p', 'ds/agent is taken as n1/agent-x7k2p, its only pod');
// A label means one pod, whatever its namespace is called.
test(finds, 'n1/job/load', 'n1/job/load');
test(finds, 'default/job/load', 'n1/load-x7k2p', 'default/job/load is taken as n1/load-x7k2p, its only pod');

test('of a workload whose pods are all gone that is said as well', async (t) => {
  const { remark } = await placesOf(own.slice(0, 1)).find('deploy/web');
  t.regex(remark, /^deploy\/web is taken as n1\/web-5d9c7b6f8-aaaaa, its only pod; pod web-5d9c7b6f8-aaaaa is gone/);
});

const refuses = test.macro<[string, string, RegExp]>({
  exec: async (t, text, code, message) => {
    await t.throwsAsync(placesOf().find(text), { code, message });
  },
  title: (_, text) => `${text} is refused`,
});

test(
  refuses,
  'job/load',
  'place-ambiguous',
  /a pod and a workload .* job\/load: say which of n1\/job\/load, default\/job\/load$/,
);
test(
  refuses,
  'deploy/wbe',
  'place-unknown',
  /no pod of a deployment wbe in namespace default is known: did you mean deploy\/web\?$/,
);
test(
  refuses,
  'sts/db',
  'place-unknown',
  /^sts\/db: no pod of a statefulset db in namespace default is known: there is shop\/sts\/db$/,
);
test(
  refuses,
  'shop/apy',
  'place-unknown',
  /there is no node shop, and no pod apy in a namespace shop: did you mean shop\/api\?$/,
);
test(
  refuses,
  'n1/deploy/wbe',
  'place-unknown',
  /there is no pod deploy\/wbe at node n1: did you mean n1\/deploy\/web\?$/,
);
test(refuses, 'n1/shop/deploy/web', 'place-unknown', /there is no pod of shop\/deploy\/web at node n1$/);
for (const text of ['a/b/c', 'a/b/c/d', '/', 'shop/', '/api', 'shop//api']) {
  test(refuses, text, 'place-unknown', /there is no node/);
}

test('a place is told with its addresses as text', async (t) => {
  t.deepEqual(await placeHandlers(placesOf()).place('shop/api'), {
    kind: 'pod',
    label: 'n1/shop/api',
    node: 'n1',
    addresses: fixedPod.addresses,
    remark: '',
  });
});

test('a question for a place without a name, or with more than one, is refused', (t) => {
  t.is(parsePlaceName(new URLSearchParams({ name: 'web' })), 'web');
  for (const query of ['', 'name=', 'name=a&node=b', `name=${'a'.repeat(601)}`]) {
    t.throws(() => parsePlaceName(new URLSearchParams(query)), { code: 'config-invalid' });
  }
});
