import test from 'ava';
import { gossipNotices, type GossipState } from '../../../src/daemon/gossip/gossip-notices.ts';
import type { GossipKeys } from '../../../src/daemon/gossip/gossip-keys.ts';
import type { MembershipStatistics } from '../../../src/membership/statistics.ts';
import { endpoint, memberOf } from '../../support/announcements.ts';
import { keyOf } from '../../support/cluster-keys.ts';

const keys = { ring: { ids: [keyOf(1).id] }, notices: () => [] as never[] } as unknown as GossipKeys;

/** A node with a key that knows node 2. */
function state(change: Partial<GossipState> = {}, members = 2, exchangesFailed = 9): GossipState {
  return {
    endpoint: endpoint('198.18.0.1:7948'),
    keys,
    hasSeeds: true,
    membership: {
      members: () => Array.from({ length: members }, (_, index) => memberOf(index + 1)),
      statistics: () => ({ exchangesFailed }) as MembershipStatistics,
      contestedBy: () => undefined,
    },
    ...change,
  };
}

const says = test.macro<[GossipState, ...string[]]>({
  exec(t, given, ...codes) {
    t.deepEqual(
      gossipNotices(given).map(({ code }) => code),
      codes,
    );
  },
  title: (name) => `notices of ${name}`,
});

test('a node with a key among others: none', says, state());
test('a node without authentication', says, state({ keys: undefined }), 'gossip-not-authenticated');
test('a node whose seeds do not answer', says, state({}, 1), 'gossip-alone');
test('a node that has just begun: none', says, state({}, 1, 2));
test('a node without seeds: none', says, state({ hasSeeds: false }, 1));
test(
  'a node whose identity another bears',
  says,
  state({ membership: { ...state().membership, contestedBy: () => endpoint('198.18.0.9:7948') } }),
  'identity-contested',
);
