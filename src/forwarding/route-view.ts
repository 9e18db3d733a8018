/** Routes as the control API shows them. */
import type { ResolvedRoute } from '../routing/resolved-route.ts';
import { formatEndpoint } from '../wire/address.ts';
import { formatPrefix } from '../wire/prefix.ts';
import type { ActivePeer } from './active-peers.ts';
import type { Route } from '../api/control-api.ts';

/**
 * @param peer whose it is; `undefined`: this node's.
 * @param relay through which packets go there, if they do not go straight.
 */
export function viewRoute(
  route: ResolvedRoute,
  sinceMs: number,
  peer: ActivePeer | undefined,
  relay: ActivePeer | undefined,
): Route {
  return {
    network: route.network,
    prefix: formatPrefix(route.prefix),
    node: route.owner.name,
    kind: route.owner.kind,
    origin: route.owner.identity,
    version: route.version,
    way: peer === undefined ? 'local' : relay === undefined ? 'direct' : 'relayed',
    relay: relay?.name ?? '',
    via: peer === undefined ? '' : formatEndpoint((relay ?? peer).endpoint),
    since: new Date(sinceMs).toISOString(),
  };
}
