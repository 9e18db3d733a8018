import test from 'ava';
import { OverlayRoutes } from '../../src/forwarding/overlay-routes.ts';
import type { PathPeer, PathView } from '../../src/forwarding/path-view.ts';
import type { ProbedWay, NamedWay } from '../../src/forwarding/relayed-ways.ts';
import type { ForwardingState } from '../../src/dataplane/forwarding-state.ts';
import type { Announcement, Member } from '../../src/membership/announcement.ts';
import type { PathState } from '../../src/paths/path-table.ts';
import type { RelayedWay } from '../../src/paths/way-table.ts';
import type { StaticPeer } from '../../src/routing/static-peer.ts';
import { formatEndpoint, parseMacAddress } from '../../src/wire/address.ts';
import { formatPrefix } from '../../src/wire/prefix.ts';
import { endpoint, identityOf, memberOf, prefix } from '../support/announcements.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';

const vtep: StaticPeer = {
  name: 'vtep',
  endpoint: endpoint('198.18.0.99:4789'),
  mac: parseMacAddress('02:00:00:00:00:99')!,
  prefixes: [prefix('10.244.99.0/24')],
};

/** Node 1's routes, with what was published and a wall clock to set. */
function routesOfNode1(staticPeers: readonly StaticPeer[] = [], paths?: PathView) {
  const published: ForwardingState[] = [];
  const ways: ReadonlyMap<string, NamedWay>[] = [];
  const resolved: string[][] = [];
  const wall = { ms: 1_000 };
  const routes = new OverlayRoutes({
    clusterPrefixes: [prefix('10.244.0.0/16'), prefix('fd00:10:244::/48')],
    staticPeers,
    mtuBytes: 1450,
    maxRoutes: 6,
    wallClockMs: () => wall.ms,
    sentTo: (peer) => ({ packets: 10 * peer, bytes: 1000 * peer }),
    paths,
    remoteChecksum: true,
    relays: true,
    publish: (state) => published.push(state),
    onWays: (inUse) => ways.push(inUse),
    onRoutes: (inUse) => resolved.push(inUse.map((route) => `${route.owner.name}@${route.version}`)),
  });
  return { routes, wall, ways, published, resolved, last: () => published.at(-1)! };
}

/** `prefix -> peer number` of a published state. */
function table({ routes }: ForwardingState): string[] {
  return routes.map((route) => `${formatPrefix(route.prefix)} -> ${route.peer}`);
}

test('own prefixes lead to peer 0, those of others to their peers', (t) => {
  const { routes, last } = routesOfNode1([vtep]);
  routes.update(memberOf(1), [memberOf(2)]);
  t.deepEqual(table(last()), [
    '10.244.1.0/24 -> 0',
    '10.244.2.0/24 -> 1',
    '10.244.99.0/24 -> 2',
    'fd00:10:244:1::/64 -> 0',
    'fd00:10:244:2::/64 -> 1',
  ]);
  t.deepEqual(
    last().peers.map(({ index, endpoint: at }) => `${index} ${formatEndpoint(at)}`),
    ['1 198.18.0.2:4789', '2 198.18.0.99:4789'],
  );
});

test('a peer shows what was sent to it, by its number; one that has none was sent nothing', (t) => {
  const { routes } = routesOfNode1([vtep]);
  routes.update(memberOf(1), [memberOf(2), memberOf(3, {}, 'dead')]);
  t.deepEqual(
    routes.peers(0).map(({ name, sentPackets, sentBytes }) => [name, sentPackets, sentBytes]),
    [
      ['n2', 10, 1000],
      ['n3', 0, 0],
      ['vtep', 20, 2000],
    ],
  );
});

test('a dead node loses its routes and is no peer; when it returns it has a number again', (t) => {
  const { routes, last } = routesOfNode1();
  routes.update(memberOf(1), [memberOf(2), memberOf(3)]);
  routes.update(memberOf(1), [memberOf(2, {}, 'dead'), memberOf(3)]);
  t.deepEqual(
    last().peers.map(({ index }) => index),
    [2],
  );
  t.is(routes.peerCount, 1);
  routes.update(memberOf(1), [memberOf(2), memberOf(3)]);
  t.is(routes.peerCount, 2);
});

test('a node whose name is taken is no peer, and both are named', (t) => {
  const { routes, last } = routesOfNode1();
  routes.update(memberOf(1), [memberOf(2), memberOf(3, { name: 'n2' })]);
  t.is(last().peers.length, 1);
  t.is(routes.notices()[0]?.code, 'name-taken');
  const [kept, refused] = routes.peers(0).sort((a, b) => a.refusals.length - b.refusals.length);
  t.deepEqual(kept?.refusals, []);
  t.regex(refused!.refusals[0]!, /name n2 is kept by/);
});

test('a node whose data path is of another kind has no routes, and it is said why', (t) => {
  const { routes, last } = routesOfNode1();
  const other = { dataEndpoints: [{ gear: 'kernel', endpoint: endpoint('198.18.0.2:4789') }] };
  routes.update(memberOf(1), [memberOf(2, other)]);
  t.deepEqual(table(last()), ['10.244.1.0/24 -> 0', 'fd00:10:244:1::/64 -> 0']);
  t.deepEqual(last().peers, []);
  t.deepEqual(
    routes.notices().map(({ code }) => code),
    ['no-data-endpoint'],
  );
});

test('what the table cannot hold is left out and said, and this node and static peers keep theirs', (t) => {
  const { routes, last } = routesOfNode1([vtep]);
  routes.update(memberOf(1), [memberOf(2), memberOf(3)]);
  t.deepEqual(table(last()), [
    '10.244.1.0/24 -> 0',
    '10.244.2.0/24 -> 1',
    '10.244.3.0/24 -> 2',
    '10.244.99.0/24 -> 3',
    'fd00:10:244:1::/64 -> 0',
    'fd00:10:244:2::/64 -> 1',
  ]);
  t.regex(routes.notices()[0]!.message, /^1 routes are not in use: the forwarding table holds 6$/);
});

test('a peer with a smaller MTU is sent smaller packets, one with a larger is not sent larger ones', (t) => {
  const { routes, last } = routesOfNode1();
  routes.update(memberOf(1), [memberOf(2, { mtuBytes: 1300 }), memberOf(3, { mtuBytes: 8950 })]);
  t.deepEqual(
    last().peers.map(({ mtuBytes }) => mtuBytes),
    [1300, 1450],
  );
});

test('a route keeps the time since when it is in use, whatever else changes', (t) => {
  const { routes, wall } = routesOfNode1();
  routes.update(memberOf(1), [memberOf(2)]);
  wall.ms = 61_000;
  routes.update(memberOf(1), [memberOf(2), memberOf(3)]);
  const since = Object.fromEntries(routes.routes().map((route) => [route.prefix, route.since]));
  t.is(since['10.244.2.0/24'], '1970-01-01T00:00:01.000Z');
  t.is(since['10.244.3.0/24'], '1970-01-01T00:01:01.000Z');
});

test('a route that went and came back is new', (t) => {
  const { routes, wall } = routesOfNode1();
  routes.update(memberOf(1), [memberOf(2)]);
  routes.update(memberOf(1), []);
  wall.ms = 61_000;
  routes.update(memberOf(1), [memberOf(2)]);
  t.is(routes.routes().find(({ node }) => node === 'n2')?.since, '1970-01-01T00:01:01.000Z');
});

const unknownPath: PathState = {
  mtuBytes: 1450,
  phase: 'searching',
  roundTripMs: undefined,
  lossRatio: null,
  lossOutRatio: null,
  lossInRatio: null,
  probes: 0,
};

/** Paths as a test wants them: their states, and the ways through relays. */
class FixedPaths implements PathView {
  readonly states = new Map<number, PathState>();
  ways: readonly RelayedWay[] = [];
  peers: readonly PathPeer[] = [];
  numbered: readonly ProbedWay[] = [];

  update(peers: readonly PathPeer[], number: (ways: readonly RelayedWay[]) => readonly ProbedWay[]): void {
    this.peers = peers;
    this.numbered = number(this.ways);
  }

  isDown(peer: number): boolean {
    return this.ways.some(({ target }) => target === peer);
  }

  stateOf(peer: number): PathState | undefined {
    return this.states.get(peer);
  }
}

test('peers are sent what their paths take, as soon as that is known', (t) => {
  const paths = new FixedPaths();
  const { routes, last } = routesOfNode1([{ ...vtep, mtuBytes: 1400 }], paths);
  routes.pathsChanged();
  routes.update(memberOf(1), [memberOf(2, { mtuBytes: 8950 })]);
  const probed = { peer: 1, place: '198.18.0.2:4789', ceilingBytes: 1450, overheadBytes: 50 };
  t.deepEqual(paths.peers, [{ ...probed, isAlive: true, relays: false, badTo: [] }]);
  const roundTripMs = { smoothed: 0.123_456, min: 0.1 };
  const losses = { lossRatio: 0.5, lossOutRatio: 0.5, lossInRatio: 0 };
  paths.states.set(1, { mtuBytes: 1350, phase: 'confirmed', roundTripMs, ...losses, probes: 100 });
  routes.pathsChanged();
  t.deepEqual(
    last().peers.map(({ mtuBytes }) => mtuBytes),
    [1350, 1400],
  );
  const [gossip, fixed] = routes.peers(0);
  const shown = { smoothed: 0.123, min: 0.1 };
  t.deepEqual(gossip?.path, { mtuBytes: 1350, roundTripMs: shown, ...losses, probing: 'confirmed' });
  t.deepEqual(fixed?.path, {
    mtuBytes: 1400,
    roundTripMs: null,
    lossRatio: null,
    lossOutRatio: null,
    lossInRatio: null,
    probing: 'off',
  });
});

const relay = { capabilities: ['relay'] };

test('who relays, and to whom it has no good path, is known to whoever looks for a relay', (t) => {
  const paths = new FixedPaths();
  const { routes, last } = routesOfNode1([], paths);
  const pathReports = [
    { identity: identityOf(3), lossPermille: 1000, roundTripUs: 0 },
    { identity: identityOf(2), lossPermille: 200, roundTripUs: 0 },
    { identity: identityOf(77), lossPermille: 1000, roundTripUs: 0 },
  ];
  routes.update(memberOf(1), [memberOf(2, { ...relay, pathReports }), memberOf(3, {}, 'suspect')]);
  t.deepEqual(
    paths.peers.map(({ peer, isAlive, relays, badTo }) => ({ peer, isAlive, relays, badTo })),
    [
      { peer: 1, isAlive: true, relays: true, badTo: [2, 0] },
      { peer: 2, isAlive: false, relays: false, badTo: [] },
    ],
  );
  t.deepEqual(
    last().peers.map(({ mayRelay }) => mayRelay),
    [true, false],
  );
  t.true(last().relays);
});

test('a way through a relay that is tried is an entry of its own, and routes stay', (t) => {
  const paths = new FixedPaths();
  const { routes, last } = routesOfNode1([], paths);
  routes.update(memberOf(1), [memberOf(2, relay), memberOf(3, { mtuBytes: 1400 })]);
  paths.ways = [{ target: 2, relay: 1, isUsed: false }];
  routes.pathsChanged();
  t.deepEqual(paths.numbered, [
    {
      peer: 3,
      target: 2,
      relay: 1,
      place: '198.18.0.3:4789 through 198.18.0.2:4789',
      ceilingBytes: 1400,
      overheadBytes: 50,
    },
  ]);
  const [entry] = last().peers.filter(({ via }) => via !== undefined);
  t.deepEqual(entry, {
    index: 3,
    endpoint: endpoint('198.18.0.2:4789'),
    mac: parseMacAddress('02:00:00:00:00:03')!,
    mtuBytes: 1400,
    remoteChecksum: true,
    mayRelay: false,
    mayAskRelay: false,
    via: { target: 2, relay: 1 },
  });
  t.true(table(last()).includes('10.244.3.0/24 -> 2'));
  t.true(routes.routes().every(({ way }) => way !== 'relayed'));
});

test('once packets take it, routes lead there, and both ways are shown', (t) => {
  const paths = new FixedPaths();
  const { routes, last } = routesOfNode1([], paths);
  routes.update(memberOf(1), [memberOf(2, relay), memberOf(3)]);
  paths.states.set(2, { ...unknownPath, lossRatio: 1, lossOutRatio: 1 });
  paths.states.set(3, { ...unknownPath, mtuBytes: 1350, phase: 'confirmed' });
  paths.ways = [{ target: 2, relay: 1, isUsed: true }];
  routes.pathsChanged();
  t.deepEqual(
    table(last()).filter((line) => line.startsWith('10.')),
    ['10.244.1.0/24 -> 0', '10.244.2.0/24 -> 1', '10.244.3.0/24 -> 3'],
  );
  t.is(last().peers.find(({ index }) => index === 3)?.mtuBytes, 1350);
  t.deepEqual(
    routes.routes().flatMap(({ prefix, way, relay, via }) => (prefix.startsWith('10.') ? [[way, relay, via]] : [])),
    [
      ['local', '', ''],
      ['direct', '', '198.18.0.2:4789'],
      ['relayed', 'n2', '198.18.0.2:4789'],
    ],
  );
  const shown = routes.peers(0).find(({ name }) => name === 'n3')!;
  t.is(shown.relay, 'n2');
  t.is(shown.path.mtuBytes, 1350);
  t.is(shown.directPath?.lossOutRatio, 1);
  paths.ways = [];
  routes.pathsChanged();
  t.true(table(last()).includes('10.244.3.0/24 -> 2'));
  t.is(routes.peers(0).find(({ name }) => name === 'n3')?.directPath, null);
});

test('what went through a relay was sent to the peer, also when the way is gone', (t) => {
  const paths = new FixedPaths();
  const { routes } = routesOfNode1([], paths);
  routes.update(memberOf(1), [memberOf(2, relay), memberOf(3)]);
  t.is(routes.sentTo(2).packets, 20);
  paths.ways = [{ target: 2, relay: 1, isUsed: true }];
  routes.pathsChanged();
  t.deepEqual(routes.sentTo(2), { packets: 20 + 30, bytes: 2000 + 3000 });
  paths.ways = [];
  routes.pathsChanged();
  t.is(routes.sentTo(2).packets, 50);
  t.is(routes.peers(0).find(({ name }) => name === 'n3')?.sentPackets, 50);
});

test('ways are told to whoever keeps the history', (t) => {
  const paths = new FixedPaths();
  const { routes, ways } = routesOfNode1([], paths);
  routes.update(memberOf(1), [memberOf(2, relay), memberOf(3)]);
  paths.ways = [
    { target: 2, relay: 1, isUsed: true },
    { target: 1, relay: 2, isUsed: false },
  ];
  routes.pathsChanged();
  t.deepEqual([...ways.at(-1)!], [[identityOf(3), { name: 'n3', relay: 'n2' }]]);
});

test('paths are measured by identity', (t) => {
  const paths = new FixedPaths();
  const { routes } = routesOfNode1([vtep], paths);
  routes.update(memberOf(1), [memberOf(2, relay), memberOf(3)]);
  paths.states.set(2, unknownPath);
  paths.ways = [{ target: 2, relay: 1, isUsed: true }];
  t.like(routes.measuredPaths(), [{ identity: identityOf(3), isDown: true, probes: 0 }]);
  t.is(routes.measuredPaths().length, 1);
});

test('what changes no route is not handed to the workers again, and is known none the less', (t) => {
  const paths = new FixedPaths();
  const { routes, published, resolved } = routesOfNode1([], paths);
  routes.update(memberOf(1), [memberOf(2, relay), memberOf(3)]);
  const pathReports = [{ identity: identityOf(3), lossPermille: 1_000, roundTripUs: 0 }];
  const quiet = {
    ...memberOf(2, { ...relay, pathReports, keyIds: ['0123456789abcdef'], version: '9' }),
    incarnation: 7,
  };
  routes.update(memberOf(1), [quiet, memberOf(3, {}, 'suspect')]);
  t.is(published.length, 1);
  t.deepEqual(
    paths.peers.map(({ isAlive, badTo }) => [isAlive, badTo]),
    [
      [true, [2]],
      [false, []],
    ],
  );
  t.deepEqual(resolved, [
    ['n1@1', 'n2@1', 'n3@1', 'n1@1', 'n2@1', 'n3@1'],
    ['n1@1', 'n2@7', 'n3@1', 'n1@1', 'n2@7', 'n3@1'],
  ]);
  t.is(routes.routes().find(({ node }) => node === 'n2')?.version, 7);
  routes.pathsChanged();
  t.is(published.length, 1);
});

const published = test.macro<[Partial<Announcement>]>({
  exec: (t, change) => {
    const { routes, published } = routesOfNode1();
    routes.update(memberOf(1), [memberOf(2)]);
    routes.update(memberOf(1), [memberOf(2, change)]);
    t.is(published.length, 2);
  },
  title: (name) => `workers learn at once of ${name}`,
});

test('another MTU', published, { mtuBytes: 1_400 });
test('another port', published, { dataEndpoints: [{ gear: 'userspace', endpoint: endpoint('198.18.0.2:4790') }] });
test('another MAC address', published, { mac: parseMacAddress('02:00:00:00:00:77')! });
test('a peer that leaves partial checksums no longer', published, { capabilities: [] });
test('a peer that relays now', published, { capabilities: ['remote-checksum', 'relay'] });
test('one prefix less', published, { prefixes: [prefix('10.244.2.0/24')] });

test('static peers may not have packets relayed, nodes may', (t) => {
  const { routes, last } = routesOfNode1([vtep]);
  routes.update(memberOf(1), [memberOf(2)]);
  t.deepEqual(
    last().peers.map(({ mayAskRelay }) => mayAskRelay),
    [true, false],
  );
});

test('a repair makes everything anew', (t) => {
  const { routes, published, resolved } = routesOfNode1();
  const others = [memberOf(2)];
  routes.update(memberOf(1), others);
  routes.repair(memberOf(1), others);
  t.is(published.length, 2);
  t.deepEqual(resolved[1], resolved[0]);
});

for (const seed of [1, 2, 3]) {
  test(`however members change, routes in use are those that they make (seed ${seed})`, (t) => {
    const random = new SeededRandom(seed);
    const { routes, last } = routesOfNode1([vtep]);
    const any = (number: number): Member => {
      const change = {
        name: `n${1 + random.below(5)}`,
        prefixes: [prefix(`10.244.${1 + random.below(5)}.0/24`)],
        dataEndpoints: [
          { gear: ['userspace', 'kernel'][random.below(2)]!, endpoint: endpoint(`198.18.0.${number}:4789`) },
        ],
      };
      const state = (['alive', 'suspect', 'dead', 'left'] as const)[random.below(4)];
      return { ...memberOf(number, random.below(2) === 0 ? change : {}, state), incarnation: 1 + random.below(3) };
    };
    const self = memberOf(1);
    let others = [2, 3, 4].map(any);
    for (let step = 0; step < 100; step++) {
      const at = random.below(others.length);
      others = others.with(at, any(at + 2));
      routes.update(self, others);
      t.deepEqual(routes.inUse, routes.wouldUse(self, others));
      t.deepEqual(
        last().routes.map((route) => formatPrefix(route.prefix)),
        routes.inUse.map((route) => formatPrefix(route.prefix)),
      );
      const [fresh, numbers] = [routesOfNode1([vtep]), new Map(last().peers.map((peer) => [peer.index, peer.mac]))];
      fresh.routes.update(self, others);
      const freshNumbers = new Map(fresh.last().peers.map((peer) => [peer.index, peer.mac]));
      t.deepEqual(
        last().routes.map(({ peer }) => numbers.get(peer)),
        fresh.last().routes.map(({ peer }) => freshNumbers.get(peer)),
      );
    }
  });
}
