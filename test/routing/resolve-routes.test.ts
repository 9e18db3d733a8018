import test from 'ava';
import type { Announcement, Member } from '../../src/membership/announcement.ts';
import { resolveRoutes, type RouteClaims } from '../../src/routing/resolve-routes.ts';
import type { StaticPeer } from '../../src/routing/static-peer.ts';
import { parseMacAddress } from '../../src/wire/address.ts';
import { formatPrefix } from '../../src/wire/prefix.ts';
import { announcementOf, endpoint, identityOf, memberOf, prefix } from '../support/announcements.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';

const clusterPrefixes = [prefix('10.244.0.0/16'), prefix('fd00:10:244::/48')];
const vtep: StaticPeer = {
  name: 'vtep',
  endpoint: endpoint('198.18.9.9:4789'),
  mac: parseMacAddress('02:99:00:00:00:01')!,
  prefixes: [prefix('10.244.99.0/24')],
};

function resolve(claims: Partial<RouteClaims>): { routes: string[]; refused: string[] } {
  const { routes, refusals } = resolveRoutes({
    self: memberOf(1),
    members: [],
    staticPeers: [],
    clusterPrefixes,
    ...claims,
  });
  return {
    routes: routes.map(
      (route) => `${formatPrefix(route.prefix)} ${route.owner.kind} ${route.owner.name}@${route.version}`,
    ),
    refused: refusals.map(({ name, identity, code, keeper }) =>
      `${name}/${identity.slice(0, 4)} ${code} ${keeper?.name ?? ''}`.trim(),
    ),
  };
}

const own = ['10.244.1.0/24 local n1@1', 'fd00:10:244:1::/64 local n1@1'];

test('own prefixes, those of live members and of static peers are routes', (t) => {
  const { routes, refused } = resolve({ members: [memberOf(2), memberOf(1)], staticPeers: [vtep] });
  t.deepEqual(routes, [
    '10.244.1.0/24 local n1@1',
    '10.244.2.0/24 gossip n2@1',
    '10.244.99.0/24 static vtep@0',
    'fd00:10:244:1::/64 local n1@1',
    'fd00:10:244:2::/64 gossip n2@1',
  ]);
  t.deepEqual(refused, []);
});

test('suspects have routes', (t) => {
  t.is(resolve({ members: [memberOf(2, {}, 'suspect')] }).routes.length, 4);
});

test('the dead have none', (t) => {
  t.deepEqual(resolve({ members: [memberOf(2, {}, 'dead')] }).routes, own);
});

test('those who left have none', (t) => {
  t.deepEqual(resolve({ members: [memberOf(2, {}, 'left')] }).routes, own);
});

const conflict = test.macro({
  exec: (t, members: readonly Member[], routes: readonly string[], refused: readonly string[]) => {
    const resolved = resolve({ members });
    t.deepEqual(
      resolved.routes.filter((route) => !route.includes(':') && !own.includes(route)),
      routes,
    );
    t.deepEqual(resolved.refused, refused);
  },
  title: (name) => name!,
});

function node(number: number, change: Partial<Announcement>): Member {
  return memberOf(number, change);
}

const two = '10.244.2.0/24 gossip n2@1';
const three = '10.244.3.0/24 gossip n3@1';

test(
  'of two with one name the lower identity keeps it; the other has no routes',
  conflict,
  [node(3, { name: 'n2' }), node(2, {})],
  [two],
  ['n2/0003 name-taken n2'],
);
test(
  'of two with one MAC likewise',
  conflict,
  [node(3, { mac: announcementOf(2).mac }), node(2, {})],
  [two],
  ['n3/0003 mac-taken n2'],
);
test(
  'of two with one underlay address likewise, whatever the port',
  conflict,
  [node(3, { dataEndpoints: [{ gear: 'userspace', endpoint: endpoint('198.18.0.2:4790') }] }), node(2, {})],
  [two],
  ['n3/0003 endpoint-taken n2'],
);
test(
  'who loses a prefix keeps the others',
  conflict,
  [node(3, { prefixes: [prefix('10.244.2.128/25'), prefix('10.244.3.0/24')] }), node(2, {})],
  [two, three],
  ['n3/0003 prefix-overlap n2'],
);
test(
  'who is refused takes nothing from others',
  conflict,
  [node(2, { name: 'n1' }), node(3, { mac: announcementOf(2).mac })],
  [three],
  ['n1/0002 name-taken n1'],
);
test(
  'a name is free once who had it is dead',
  conflict,
  [memberOf(2, {}, 'dead'), node(3, { name: 'n2' })],
  ['10.244.3.0/24 gossip n2@1'],
  [],
);
test(
  'a prefix outside the cluster is refused, the rest is used',
  conflict,
  [node(2, { prefixes: [prefix('10.0.0.0/8'), prefix('10.244.2.0/24'), prefix('192.168.0.0/24')] })],
  [two],
  ['n2/0002 outside-cluster', 'n2/0002 outside-cluster'],
);
test(
  'a node of another network has no routes',
  conflict,
  [node(2, { network: 'blue' })],
  [],
  ['n2/0002 other-network'],
);
test(
  'a node without data endpoint has no routes',
  conflict,
  [node(2, { dataEndpoints: [] })],
  [],
  ['n2/0002 no-data-endpoint'],
);
test(
  'prefixes of one node may lie in each other',
  conflict,
  [node(2, { prefixes: [prefix('10.244.2.0/24'), prefix('10.244.2.128/25'), prefix('10.244.2.0/24')] })],
  [two, '10.244.2.128/25 gossip n2@1'],
  [],
);
test(
  'every conflict of a node is named',
  conflict,
  [node(2, { name: 'n1', mac: announcementOf(1).mac })],
  [],
  ['n1/0002 name-taken n1', 'n1/0002 mac-taken n1'],
);

test('a node that loses sees it itself, and has no local routes', (t) => {
  const self = memberOf(5, { name: 'n2' });
  const { routes, refused } = resolve({ self, members: [self, memberOf(2)] });
  t.deepEqual(routes, [two, 'fd00:10:244:2::/64 gossip n2@1']);
  t.deepEqual(refused, ['n2/0005 name-taken n2']);
});

test('both sides are named to people', (t) => {
  const { refusals } = resolveRoutes({
    self: memberOf(1),
    members: [memberOf(2, { name: 'n1' })],
    staticPeers: [],
    clusterPrefixes,
  });
  const [first, second] = [identityOf(1), identityOf(2)];
  t.is(refusals[0]!.message, `node n1 (${second}): name n1 is kept by node n1 (${first})`);
});

const losesTo = test.macro({
  exec: (t, change: Partial<StaticPeer>, refused: string) => {
    const resolved = resolve({ members: [memberOf(2)], staticPeers: [{ ...vtep, ...change }] });
    t.is(resolved.routes.length, 4);
    t.deepEqual(resolved.refused, [refused]);
  },
  title: (name) => `a static peer loses its ${name} to any node`,
});

test('name', losesTo, { name: 'n2' }, 'n2/ name-taken n2');
test('MAC', losesTo, { mac: announcementOf(2).mac }, 'vtep/ mac-taken n2');
test('endpoint', losesTo, { endpoint: endpoint('198.18.0.2:4789') }, 'vtep/ endpoint-taken n2');
test('prefix', losesTo, { prefixes: [prefix('10.244.2.0/25')] }, 'vtep/ prefix-overlap n2');

for (const seed of [1, 2, 3]) {
  test(`the order of the input and who asks do not matter (seed ${seed})`, (t) => {
    const random = new SeededRandom(seed);
    for (let round = 0; round < 100; round++) {
      const members = Array.from({ length: 8 }, (_, index) =>
        memberOf(index + 1, {
          name: `n${random.below(9)}`,
          mac: announcementOf(1 + random.below(12)).mac,
          prefixes: [prefix(`10.244.${random.below(8)}.0/24`), prefix(`10.244.${2 * random.below(4)}.0/23`)],
        }),
      );
      const staticPeers = [vtep, { ...vtep, name: 'other' }, { ...vtep, name: `n${random.below(9)}` }];
      const outcome = (self: Member, listed: readonly Member[], peers: readonly StaticPeer[]): unknown => {
        const { routes, refusals } = resolveRoutes({ self, members: listed, staticPeers: peers, clusterPrefixes });
        return [routes.map((route) => [formatPrefix(route.prefix), route.owner.identity, route.owner.name]), refusals];
      };
      const shuffled = members
        .map((member) => [random.uint32(), member] as const)
        .sort((a, b) => a[0] - b[0])
        .map(([, member]) => member);
      const first = outcome(members[0]!, members, staticPeers);
      t.deepEqual(outcome(members[0]!, shuffled, staticPeers.toReversed()), first);
      t.deepEqual(outcome(members[5]!, shuffled, staticPeers), first);
    }
  });
}
