import test from 'ava';
import { OverlayRoutes } from '../../src/daemon/overlay-routes.ts';
import type { PathView } from '../../src/daemon/path-prober.ts';
import type { ForwardingState } from '../../src/dataplane/forwarding-state.ts';
import type { PathState, ProbedPeer } from '../../src/paths/path-table.ts';
import type { StaticPeer } from '../../src/routing/resolve-routes.ts';
import { formatEndpoint, parseMacAddress } from '../../src/wire/address.ts';
import { formatPrefix } from '../../src/wire/prefix.ts';
import { endpoint, memberOf, prefix } from '../support/announcements.ts';

const vtep: StaticPeer = {
  name: 'vtep',
  endpoint: endpoint('198.18.0.99:4789'),
  mac: parseMacAddress('02:00:00:00:00:99')!,
  prefixes: [prefix('10.244.99.0/24')],
};

/** Node 1's routes, with what was published and a wall clock to set. */
function routesOfNode1(staticPeers: readonly StaticPeer[] = [], paths?: PathView) {
  const published: ForwardingState[] = [];
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
    publish: (state) => published.push(state),
  });
  return { routes, wall, last: () => published.at(-1)! };
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

test('peers are sent what their paths take, as soon as that is known', (t) => {
  const found = new Map<number, PathState>();
  const probed: ProbedPeer[] = [];
  const paths: PathView = {
    update: (peers) => probed.splice(0, Infinity, ...peers),
    stateOf: (peer) => found.get(peer),
  };
  const { routes, last } = routesOfNode1([{ ...vtep, mtuBytes: 1400 }], paths);
  routes.pathsChanged();
  routes.update(memberOf(1), [memberOf(2, { mtuBytes: 8950 })]);
  t.deepEqual(probed, [{ peer: 1, place: '198.18.0.2:4789', ceilingBytes: 1450, overheadBytes: 50 }]);
  const roundTripMs = { smoothed: 0.123_456, min: 0.1 };
  found.set(1, { mtuBytes: 1350, phase: 'confirmed', roundTripMs, lossRatio: 0.5 });
  routes.pathsChanged();
  t.deepEqual(
    last().peers.map(({ mtuBytes }) => mtuBytes),
    [1350, 1400],
  );
  const [gossip, fixed] = routes.peers(0);
  const shown = { smoothed: 0.123, min: 0.1 };
  t.deepEqual(gossip?.path, { mtuBytes: 1350, roundTripMs: shown, lossRatio: 0.5, probing: 'confirmed' });
  t.deepEqual(fixed?.path, { mtuBytes: 1400, roundTripMs: null, lossRatio: null, probing: 'off' });
});
