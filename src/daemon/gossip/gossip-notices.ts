/** What a person has to solve about gossip. */
import type { Membership } from '../../membership/membership.ts';
import { formatEndpoint, type Endpoint } from '../../wire/address.ts';
import type { Notice } from '../../api/control-api.ts';
import type { GossipKeys } from './gossip-keys.ts';

/** A node that knows nobody after so many exchanges with seeds has a notice. */
const ALONE_AFTER_EXCHANGES = 3;

export interface GossipState {
  readonly endpoint: Endpoint;
  /** `undefined`: gossip is not authenticated. */
  readonly keys: GossipKeys | undefined;
  readonly hasSeeds: boolean;
  readonly membership: Pick<Membership, 'members' | 'statistics' | 'contestedBy'>;
}

/** Gossip that is open to all, keys that nobody else has, another process that runs under this node's identity. */
export function gossipNotices(state: GossipState): Notice[] {
  const notices = state.keys === undefined ? [openNotice(state.endpoint)] : state.keys.notices();
  return [...notices, ...aloneNotices(state), ...rivalNotices(state)];
}

function openNotice(endpoint: Endpoint): Notice {
  const message =
    `gossip is NOT AUTHENTICATED: whoever reaches ${formatEndpoint(endpoint)} can read it, join, and take over ` +
    'routes; set gossip.authentication to on and give every node the same gossip.keyFile';
  return { code: 'gossip-not-authenticated', message };
}

/** Nodes with other keys cannot say so: they do not answer. */
function aloneNotices({ keys, hasSeeds, membership }: GossipState): Notice[] {
  if (keys === undefined || !hasSeeds || membership.members().length > 1) return [];
  if (membership.statistics().exchangesFailed < ALONE_AFTER_EXCHANGES) return [];
  const message =
    `no seed has answered: if one is up and reachable, it has none of the keys ${keys.ring.ids.join(', ')}, ` +
    'or gossip.authentication is off there';
  return [{ code: 'gossip-alone', message }];
}

function rivalNotices({ membership }: GossipState): Notice[] {
  const rival = membership.contestedBy();
  if (rival === undefined) return [];
  const message = `another node at ${formatEndpoint(rival)} runs with this node's identity: give each its own state directory, never a copy`;
  return [{ code: 'identity-contested', message }];
}
