import test from 'ava';
import { EventLog } from '../../../src/daemon/process/event-log.ts';
import { RouteHistory } from '../../../src/daemon/routes/route-history.ts';
import { resolveRoutes } from '../../../src/routing/resolve-routes.ts';
import type { Member } from '../../../src/membership/announcement.ts';
import { memberOf, prefix } from '../../support/announcements.ts';

/** Node 1's history, fed with whoever is there. */
function historyOfNode1() {
  const log = new EventLog(() => 0);
  const history = new RouteHistory(log);
  const see = (...members: readonly Member[]): string[] => {
    const after = log.list().length;
    const clusterPrefixes = [prefix('10.244.0.0/16'), prefix('fd00:10:244::/48')];
    history.update(resolveRoutes({ self: memberOf(1), members, staticPeers: [], clusterPrefixes }).routes);
    return log.list({ after }).map(({ kind, message }) => `${kind}: ${message}`);
  };
  return { see, log };
}

test('routes that appear and go are events', (t) => {
  const { see } = historyOfNode1();
  t.deepEqual(see(), ['route-added: 10.244.1.0/24 is at this node', 'route-added: fd00:10:244:1::/64 is at this node']);
  t.deepEqual(see(memberOf(2), memberOf(3)), [
    'route-added: 10.244.2.0/24 is at n2, version 1',
    'route-added: 10.244.3.0/24 is at n3, version 1',
    'route-added: fd00:10:244:2::/64 is at n2, version 1',
    'route-added: fd00:10:244:3::/64 is at n3, version 1',
  ]);
  t.deepEqual(see(memberOf(2, {}, 'dead'), memberOf(3)), [
    'route-removed: 10.244.2.0/24 is no longer at n2, version 1',
    'route-removed: fd00:10:244:2::/64 is no longer at n2, version 1',
  ]);
});

test('a prefix that another node takes over is one event', (t) => {
  const { see, log } = historyOfNode1();
  see(memberOf(2, { prefixes: [prefix('10.244.9.0/24')] }));
  t.deepEqual(see(memberOf(3, { prefixes: [prefix('10.244.9.0/24')] })), [
    'route-changed: 10.244.9.0/24 is at n3, version 1, no longer at n2, version 1',
  ]);
  t.deepEqual(log.list().at(-1)?.details, {
    network: 'default',
    node: 'n3',
    kind: 'gossip',
    origin: memberOf(3).announcement.identity,
    version: 1,
  });
});

test('a new version alone, and what stays, is none', (t) => {
  const { see } = historyOfNode1();
  see(memberOf(2), memberOf(3));
  t.deepEqual(see({ ...memberOf(2), incarnation: 9 }, memberOf(3)), []);
});
