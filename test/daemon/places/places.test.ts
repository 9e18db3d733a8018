import test from 'ava';
import type { Pod } from '../../../src/api/control-api.ts';
import { ClusterPods } from '../../../src/daemon/places/cluster-pods.ts';
import { Places } from '../../../src/daemon/places/places.ts';
import { resolveRoutes } from '../../../src/routing/resolve-routes.ts';
import { formatIpAddress, parseIpAddress } from '../../../src/wire/address.ts';
import { announcementOf, memberOf, prefix } from '../../support/announcements.ts';
import { FakeCluster, nobodyTells } from '../../support/fake-remote-nodes.ts';
import { fixedPod } from '../../support/fixed-handlers.ts';

const clusterPrefixes = [prefix('10.244.0.0/16'), prefix('fd00:10:244::/48')];
const pod = (name: string, address: string, state: Pod['state'] = 'running'): Pod => ({
  ...fixedPod,
  name,
  addresses: [address],
  state,
});

/** n1, which looks, with n2 and n3, n4, which is dead, and a static peer. */
const services: Readonly<Record<string, readonly string[]>> = {
  'default/api': ['10.96.0.1', 'fd00:10:96::1'],
  'shop/api': ['10.96.0.2'],
  'shop/none': [],
};

const noPlace = 'is a service, which is no place of its own: name one of its pods, or ask weft explain';

function setUp() {
  const cluster = new FakeCluster();
  const remote = cluster.node('n1');
  const own = [pod('web', '10.244.1.2')];
  const pods = new ClusterPods(remote, 'n1', () => own, nobodyTells);
  const others = {
    n2: [pod('web', '10.244.2.2'), pod('db', '10.244.2.3')],
    n3: [pod('old', '10.244.3.2', 'gone'), pod('n2', '10.244.3.3')],
  };
  for (const [name, theirs] of Object.entries(others)) cluster.node(name).answer('pods', () => theirs);
  const members = [memberOf(1), memberOf(2), memberOf(3), memberOf(4, {}, 'dead')];
  const { routes } = resolveRoutes({
    self: members[0]!,
    members: members.slice(1, 3),
    staticPeers: [],
    clusterPrefixes,
  });
  const places = new Places({
    pods,
    hostPods: () => [{ node: 'n1', name: 'kube-system/proxy' }],
    members: () => members,
    staticPeers: ['sw'],
    routes: () => routes,
    clusterPrefixes,
    serviceAddresses: (namespace, name) => services[`${namespace}/${name}`]?.map((text) => parseIpAddress(text)!),
    domain: ['weft', 'internal'],
  });
  return { cluster, pods, places };
}

const finds = test.macro<[string, string]>({
  exec: async (t, text, expected) => {
    const { kind, label, node, addresses, remark } = await setUp().places.find(text);
    const told = `${kind} ${label} at ${node || 'no node'}: ${addresses.map(formatIpAddress).join(' ')}${remark && `; ${remark}`}`;
    t.is(told, expected);
  },
  title: (_, text) => `${text} is found`,
});

test(finds, 'db', 'pod n2/db at n2: 10.244.2.3');
test(finds, 'n1/web', 'pod n1/web at n1: 10.244.1.2');
test(finds, 'svc/api', `address svc/api at no node: 10.96.0.1 fd00:10:96::1; svc/api ${noPlace}`);
test(finds, 'shop/svc/api', `address shop/svc/api at no node: 10.96.0.2; shop/svc/api ${noPlace}`);
test(
  finds,
  'api.shop.svc.weft.internal',
  `address shop/svc/api at no node: 10.96.0.2; api.shop.svc.weft.internal ${noPlace}`,
);
test(finds, 'n2', 'node n2 at n2: 10.244.2.1 fd00:10:244:2::1');
test(finds, 'n3/n2', 'pod n3/n2 at n3: 10.244.3.3');
test(finds, 'sw', 'node sw at sw: ');
const proxy =
  'node n1 at n1: 10.244.1.1 fd00:10:244:1::1; kube-system/proxy has the network of n1: to others it is its node, and network policies do not select it';
test(finds, 'kube-system/proxy', proxy);
test(finds, 'n1/kube-system/proxy', proxy);
// As DNS answers: of two pods, that of the node whose name comes first.
test(finds, 'web.weft.internal', 'pod n1/web at n1: 10.244.1.2');
test(finds, 'DB.default.Weft.Internal.', 'pod n2/db at n2: 10.244.2.3');
test(finds, 'web.n2.node.weft.internal', 'pod n2/web at n2: 10.244.2.2');
test(finds, 'n2.node.weft.internal', 'node n2 at n2: 10.244.2.1 fd00:10:244:2::1');
test(
  finds,
  'old.weft.internal',
  'pod n3/old at n3: 10.244.3.2; pod old is gone: its network namespace went away without "weft pod rm"',
);
test(finds, '10.244.2.99', 'address 10.244.2.99 at n2: 10.244.2.99');
test(
  finds,
  'old',
  'pod n3/old at n3: 10.244.3.2; pod old is gone: its network namespace went away without "weft pod rm"',
);
test(
  finds,
  '10.244.9.9',
  'address 10.244.9.9 at no node: 10.244.9.9; no node has announced a prefix with 10.244.9.9 in it: packets to it are dropped',
);
test(
  finds,
  '192.0.2.1',
  'address 192.0.2.1 at no node: 192.0.2.1; not in 10.244.0.0/16 or fd00:10:244::/48: packets to it do not go through weft',
);
test(
  finds,
  'n4',
  'node n4 at n4: 10.244.4.1 fd00:10:244:4::1; gossip takes n4 for dead, so that nothing is sent to its pods',
);

const refuses = test.macro<[string, string, RegExp]>({
  exec: async (t, text, code, message) => {
    const error = await t.throwsAsync(async () => setUp().places.find(text), { code });
    t.regex(error.message, message);
  },
  title: (_, text) => `${text} is refused`,
});

test(refuses, 'nobody', 'place-unknown', /no address, and there is no node and no pod of this name$/);
test(refuses, 'web', 'place-ambiguous', /say which of n1\/web, n2\/web$/);
test(refuses, 'n9/web', 'place-unknown', /there is no node n9/);
test(refuses, 'n2/nobody', 'place-unknown', /there is no pod nobody at node n2$/);
// A pod's namespace in a lab is called so.
test(refuses, 'n2-db', 'place-unknown', /no pod of this name: did you mean n2\/db\?$/);
test(refuses, 'dbs', 'place-unknown', /no pod of this name: did you mean db\?$/);
test(refuses, 'n2/dbs', 'place-unknown', /there is no pod dbs at node n2: did you mean n2\/db\?$/);
test(refuses, 'n22/db', 'place-unknown', /there is no node n22, and no pod db in a namespace n22: did you mean n2\?$/);

test(refuses, 'nix.weft.internal', 'place-unknown', /^nix\.weft\.internal: there is no pod nix/);
test(refuses, 'dbs.n2.node.weft.internal', 'place-unknown', /there is no pod dbs at node n2: did you mean db\?$/);
test(refuses, 'a.b.weft.internal', 'place-unknown', /there is no pod b\/a, and none called a\.b/);
test(refuses, 'db.n22.node.weft.internal', 'place-unknown', /there is no node n22: did you mean n2\?$/);
test(refuses, 'web.shop.svc.weft.internal', 'place-unknown', /there is no service shop\/web$/);
test(refuses, 'svc/nix', 'place-unknown', /^svc\/nix: there is no service default\/nix$/);
test(refuses, 'shop/svc/none', 'place-unknown', /^service shop\/none has no address$/);

test('of two nodes of one name the one that is there is meant', async (t) => {
  const cluster = new FakeCluster();
  const pods = new ClusterPods(cluster.node('n1'), 'n1', () => [], nobodyTells);
  const members = [memberOf(5, { name: 'x' }), memberOf(6, { name: 'x' }, 'dead')];
  const places = new Places({ pods, members: () => members, staticPeers: [], routes: () => [], clusterPrefixes });
  t.deepEqual((await places.find('x')).addresses, announcementOf(5).nodeAddresses);
});

test('a name that is not found says who could not be asked', async (t) => {
  const { cluster, places } = setUp();
  cluster.silent.add('n3');
  await t.throwsAsync(async () => places.find('nobody'), { message: /but n3 could not be asked: .*no answer/ });
});

test('the pods of a node that cannot be asked any more are those that it named last', async (t) => {
  const { cluster, places, pods } = setUp();
  await places.find('n2/db');
  cluster.silent.add('n2').add('n3');
  t.is((await places.find('n2/db')).label, 'n2/db');
  const survey = await pods.all();
  t.deepEqual(
    survey.pods.map(({ node, name }) => `${node}/${name}`),
    ['n1/web', 'n2/web', 'n2/db'],
  );
  t.deepEqual(
    survey.silent.map(({ node }) => node),
    ['n2', 'n3'],
  );
  await t.throwsAsync(async () => places.find('n3/old'), {
    code: 'remote-unreachable',
    message: /n3: .*no answer.*; an address can be given instead of a pod$/,
  });
});

test('to find a node, nobody is asked', async (t) => {
  const { cluster, places } = setUp();
  await places.find('n2');
  await places.find('10.244.2.3');
  t.deepEqual(cluster.asked, []);
});

for (const answer of [null, { pods: [] }, [{ name: 'db', addresses: '10.244.3.3', state: 'running' }], [7]]) {
  test(`a node that says ${JSON.stringify(answer)} of its pods hides those of no other`, async (t) => {
    const { cluster, pods, places } = setUp();
    cluster.node('n3').answer('pods', () => answer);
    t.is((await places.find('db')).label, 'n2/db');
    t.like((await pods.all()).silent, [{ node: 'n3', code: 'remote-unsupported' }]);
    await t.throwsAsync(async () => pods.of('n3'), { code: 'remote-unsupported' });
  });
}
