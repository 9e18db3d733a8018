/** From what nodes claim to the routes that are in use. */
import type { Member } from '../membership/announcement.ts';
import type { Prefix } from '../wire/prefix.ts';
import type { Resolution } from './resolved-route.ts';
import { RouteResolver } from './route-resolver.ts';
import type { StaticPeer } from './static-peer.ts';

/** What {@link resolveRoutes} decides about. */
export interface RouteClaims {
  readonly self: Member;
  /** Other members, in any order and any state. This node may be among them. */
  readonly members: readonly Member[];
  readonly staticPeers: readonly StaticPeer[];
  readonly clusterPrefixes: readonly Prefix[];
}

/**
 * The routes in use, ordered by prefix, and every claim that is not, by claimant.
 *
 * Of two live nodes that claim one name, MAC, underlay address or overlapping prefixes the lower identity keeps it. Who
 * is refused a name, MAC or address has no routes at all, and takes nothing from others; who is refused a prefix keeps
 * the rest. Suspects count as live; dead and departed members claim nothing. All nodes that hold the same members decide
 * the same, whatever the order in which they heard of them; a node that loses sees it in its own result.
 *
 * Static peers come last, in order of their names, and lose against every node. Chosen instead of: configuration
 * wins. Because: configuration is local, and a line in one node's file must not make it disagree with all others about
 * where a pod of the cluster is.
 */
export function resolveRoutes(claims: RouteClaims): Resolution {
  const { self, members, staticPeers, clusterPrefixes } = claims;
  return new RouteResolver({ staticPeers, clusterPrefixes }).resolve(self, members);
}
