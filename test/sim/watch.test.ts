/** The watch itself: that it sees what it is there to see. */
import test from 'ava';
import type { Member } from '../../src/membership/announcement.ts';
import { announcementAt } from '../../src/sim/node-announcement.ts';
import { RouteCheck } from '../../src/sim/route-check.ts';
import { SimulatedCluster } from '../../src/sim/cluster.ts';
import { staleRouteBoundMs } from '../../src/sim/watch.ts';

function memberOf(number: number, change: Partial<Member> = {}): Member {
  const announcement = announcementAt(number, number);
  return { announcement, incarnation: 1, state: 'alive', sinceMs: 0, announcedMs: 0, ...change };
}

/** A settled cluster of three, of which n3 has ended, and n2 hears and says nothing any more: it will not learn of it. */
function clusterWithDeafNode(): SimulatedCluster {
  const cluster = new SimulatedCluster({ nodes: 3, seed: 1 });
  cluster.startSettled();
  cluster.clock.advance(1_000);
  cluster.crash(3);
  cluster.node(2).membership.stop();
  return cluster;
}

/** Long enough for n1 to find n3 dead, and for the time that others have then. */
const LONG_MS = 30_000 + staleRouteBoundMs(3);

test('a route to a node that is known dead on every side, and does not go, is a violation', (t) => {
  const cluster = clusterWithDeafNode();
  cluster.clock.advance(LONG_MS);
  t.deepEqual(
    cluster.watch.violations.map(({ kind }) => kind),
    ['stale-route'],
  );
  t.regex(cluster.watch.violations[0]!.message, /^n2 still has routes to n3, known dead on every side since \d/);
});

test('that only one side knows of a death is none', (t) => {
  const cluster = clusterWithDeafNode();
  cluster.cut({ from: new Set([1]), to: new Set([2]) });
  cluster.clock.advance(LONG_MS);
  t.deepEqual(cluster.watch.violations, []);
});

test('a member that is no node of the cluster is a violation', (t) => {
  const cluster = clusterWithDeafNode();
  cluster.watch.take({ viewer: 1, subject: -1, before: undefined, after: memberOf(9) });
  t.is(cluster.watch.violations[0]?.kind, 'stranger-learned');
});

test('events without end are a violation', (t) => {
  const cluster = clusterWithDeafNode();
  for (let count = 0; count < 20_000; count++) cluster.clock.after(1_000, () => {});
  cluster.watch.checkInput(1, false);
  t.is(cluster.watch.violations[0]?.kind, 'queue-unbounded');
});

test('a datagram that would not fit a path is a violation', (t) => {
  const cluster = clusterWithDeafNode();
  cluster.network.transport(() => 1).sendDatagram(cluster.seeds()[1]!, new Uint8Array(1_233));
  cluster.watch.checkInput(1, false);
  t.is(cluster.watch.violations[0]?.kind, 'datagram-too-long');
});

test('routes are those of the members that are there', (t) => {
  const check = new RouteCheck();
  t.is(check.problemOf(memberOf(1), [memberOf(1), memberOf(2), memberOf(3, { state: 'dead' })], 1), undefined);
});

test('an outcome is remembered by digest', (t) => {
  const check = new RouteCheck();
  const outside = memberOf(2, { announcement: { ...announcementAt(2, 2), network: 'other' } });
  t.is(check.problemOf(memberOf(1), [memberOf(1), outside], 1), undefined);
  t.is(check.problemOf(memberOf(1), [], 1), undefined);
});
