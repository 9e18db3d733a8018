/** Pods of nodes that say which they have: they come from the directory, and nobody is asked. */
import test from 'ava';
import { ClusterPods } from '../../../src/daemon/places/cluster-pods.ts';
import { directoryHandlers, directoryNotices } from '../../../src/daemon/places/directory-handlers.ts';
import { Places } from '../../../src/daemon/places/places.ts';
import type { FoundPod } from '../../../src/directory/pod-index.ts';
import type { Member } from '../../../src/membership/announcement.ts';
import { identityOf, memberOf, prefix } from '../../support/announcements.ts';
import { podOf } from '../../support/directories.ts';
import { FakeCluster } from '../../support/fake-remote-nodes.ts';
import { fixedPod } from '../../support/fixed-handlers.ts';

const podSummary = { version: 1, digest: '0123456789abcdef', pods: 1 };

/** n1, which looks, n2, which says which pods it has, n3, whose pods have not come, and n4 of an earlier version. */
function setUp() {
  const cluster = new FakeCluster();
  const remote = cluster.node('n1');
  for (const name of ['n2', 'n3']) cluster.node(name);
  cluster.node('n4').answer('pods', () => [{ name: 'old', addresses: ['10.244.4.2'], state: 'running' }]);
  const members: Member[] = [
    memberOf(1, { podSummary }),
    memberOf(2, { podSummary }),
    memberOf(3, { podSummary }),
    memberOf(4),
  ];
  const pods: FoundPod[] = [
    { ...podOf(2, 'web', 9, { isSuperseded: true }), owner: identityOf(2) },
    { ...podOf(2, 'web'), owner: identityOf(2) },
    { ...podOf(2, 'db', 3, { namespace: 'shop', labels: { app: 'db' } }), owner: identityOf(2) },
  ];
  const of = (identity: string): FoundPod[] | undefined =>
    identity === identityOf(3) ? undefined : pods.filter(({ owner }) => owner === identity);
  const known = new ClusterPods(remote, 'n1', () => [{ ...fixedPod, namespace: 'shop', state: 'gone' }], {
    member: (node) => members.find(({ announcement }) => announcement.name === node),
    of,
  });
  const places = new Places({
    pods: known,
    members: () => members,
    staticPeers: [],
    routes: () => [],
    clusterPrefixes: [prefix('10.200.0.0/16')],
  });
  const view = {
    directory: { behind: () => [{ identity: identityOf(3), sinceMs: 1_000, attempts: 9 }] },
    index: {
      of: (identity: string) =>
        identity === identityOf(1) ? [{ ...podOf(1, 'own'), owner: identity }] : (of(identity) ?? []),
    },
    nodeName: 'n1',
    own: () => [{ ...fixedPod, name: 'own', state: 'broken' as const }],
    members: () => members,
    nowMs: () => 91_500,
  };
  return { cluster, known, places, view };
}

test('only nodes of an earlier version are asked', async (t) => {
  const { cluster, known } = setUp();
  const { pods, silent } = await known.all();
  t.deepEqual(
    pods.map(({ node, name }) => `${node}/${name}`),
    ['n1/shop/web', 'n2/web', 'n2/shop/db', 'n4/old'],
  );
  t.deepEqual(
    silent.map(({ node, code }) => `${node} ${code}`),
    ['n3 pods-unknown'],
  );
  t.deepEqual(cluster.asked, ['pods n4']);
});

for (const [text, label] of [
  ['n2/web', 'n2/web'],
  ['shop/db', 'n2/shop/db'],
  ['n2/shop/db', 'n2/shop/db'],
  ['n4/old', 'n4/old'],
] as const) {
  test(`${text} is found`, async (t) => {
    t.is((await setUp().places.find(text)).label, label);
  });
}

test('of a pod that is not found one hears whose pods are not known', async (t) => {
  const { places } = setUp();
  await t.throwsAsync(async () => places.find('nobody'), {
    code: 'place-unknown',
    message: /but n3 could not be asked: node n3: its pods are not known/,
  });
  await t.throwsAsync(async () => places.find('n3/web'), { code: 'pods-unknown' });
  await t.throwsAsync(async () => places.find('shop/nobody'), {
    code: 'place-unknown',
    message: /^shop\/nobody: there is no node shop, and no pod nobody in a namespace shop/,
  });
});

test('this node says what state its pods are in, and whose pods it does not know', async (t) => {
  const { pods, missing } = await directoryHandlers(setUp().view).directory();
  t.deepEqual(
    pods.map(({ node, namespace, name, state, superseded }) => [node, namespace, name, state, superseded]),
    [
      ['n1', 'default', 'own', 'broken', false],
      ['n2', 'default', 'web', null, true],
      ['n2', 'default', 'web', null, false],
      ['n2', 'shop', 'db', null, false],
    ],
  );
  t.deepEqual(missing, [
    { node: 'n3', sinceSeconds: 90, isEarlier: false },
    { node: 'n4', sinceSeconds: 91, isEarlier: true },
  ]);
});

test('a status names nodes whose pods are not known for a minute, not those of earlier versions', (t) => {
  const { view } = setUp();
  t.like(directoryNotices(view)[0], { code: 'pods-unknown' });
  t.regex(directoryNotices(view)[0]!.message, /^the pods of n3 are not known here/);
  t.deepEqual(directoryNotices({ ...view, nowMs: () => 60_000 }), []);
});
