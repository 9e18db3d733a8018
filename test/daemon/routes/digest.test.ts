import test from 'ava';
import type { Digest } from '../../../src/api/control-api.ts';
import { digestOf } from '../../../src/daemon/routes/digest.ts';
import type { Member } from '../../../src/membership/announcement.ts';
import { resolveRoutes } from '../../../src/routing/resolve-routes.ts';
import type { StaticPeer } from '../../../src/routing/static-peer.ts';
import { parseMacAddress } from '../../../src/wire/address.ts';
import { endpoint, memberOf, prefix } from '../../support/announcements.ts';

const vtep: StaticPeer = {
  name: 'vtep',
  endpoint: endpoint('198.18.0.99:4789'),
  mac: parseMacAddress('02:00:00:00:00:99')!,
  prefixes: [prefix('10.244.99.0/24')],
};

/** What the first of these nodes says. */
function digestAt(self: Member, others: readonly Member[], staticPeers: readonly StaticPeer[] = []): Digest {
  const clusterPrefixes = [prefix('10.244.0.0/16'), prefix('fd00:10:244::/48')];
  return digestOf([self, ...others], resolveRoutes({ self, members: others, staticPeers, clusterPrefixes }).routes);
}

const reference = digestAt(memberOf(1), [memberOf(2), memberOf(3)]);

test('nodes that agree say the same, in whatever order they learned it', (t) => {
  t.deepEqual(digestAt(memberOf(3), [memberOf(2), memberOf(1)]), reference);
  t.deepEqual(
    reference.nodes.map(({ name, routes }) => `${name} ${routes}`),
    ['n1 2', 'n2 2', 'n3 2'],
  );
});

test('static peers are each own node’s', (t) => {
  t.deepEqual(digestAt(memberOf(1), [memberOf(2), memberOf(3)], [vtep]), reference);
});

const differs = test.macro<[Member, boolean]>({
  exec: (t, other, changesRoutes) => {
    const digest = digestAt(memberOf(1), [memberOf(2), other]);
    t.not(digest.members.digest, reference.members.digest);
    t.is(digest.routes.digest !== reference.routes.digest, changesRoutes);
    t.deepEqual(digest.nodes.slice(0, 2), reference.nodes.slice(0, 2));
    t.notDeepEqual(digest.nodes[2], reference.nodes[2]);
  },
  title: (name) => `${name} shows`,
});

test('a newer version', differs, { ...memberOf(3), incarnation: 2 }, true);
test('a suspicion', differs, memberOf(3, {}, 'suspect'), false);
test('a death', differs, memberOf(3, {}, 'dead'), true);

test('another prefix of the same version shows', (t) => {
  const digest = digestAt(memberOf(1), [memberOf(2), memberOf(3, { prefixes: [prefix('10.244.3.0/24')] })]);
  t.not(digest.routes.digest, reference.routes.digest);
  t.is(digest.nodes[2]?.routes, 1);
});
