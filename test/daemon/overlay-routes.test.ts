import test from 'ava';
import { OverlayRoutes } from '../../src/daemon/overlay-routes.ts';
import type { ForwardingState } from '../../src/dataplane/forwarding-state.ts';
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
function routesOfNode1(staticPeers: readonly StaticPeer[] = []) {
  const published: ForwardingState[] = [];
  const wall = { ms: 1_000 };
  const routes = new OverlayRoutes({
    clusterPrefixes: [prefix('10.244.0.0/16'), prefix('fd00:10:244::/48')],
    staticPeers,
    mtuBytes: 1450,
    wallClockMs: () => wall.ms,
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
