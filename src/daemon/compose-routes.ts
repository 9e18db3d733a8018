/** Routes and paths, put together: from what gossip and probes find out to what the workers forward by. */
import { OverlayRoutes } from '../forwarding/overlay-routes.ts';
import type { ResolvedRoute } from '../routing/resolved-route.ts';
import type { Composition } from './composition.ts';
import type { Pace } from './process/pace.ts';
import { systemClock, systemRandom } from './process/system-environment.ts';
import { PathProber } from './routes/path-prober.ts';
import { RouteHistory } from './routes/route-history.ts';
import { WayHistory } from './routes/way-history.ts';
import type { ThisNode } from './this-node.ts';
import { type Dataplane, MAX_ROUTES } from './worker/dataplane.ts';

export interface RouteParts {
  readonly node: ThisNode;
  readonly dataplane: Dataplane;
  readonly pace: Pace;
  /** Is told of the routes in use when they may be others. */
  readonly onRoutes: (inUse: readonly ResolvedRoute[]) => void;
}

export interface ComposedRoutes {
  readonly routes: OverlayRoutes;
  /** `undefined`: paths are not probed. */
  readonly paths: PathProber | undefined;
}

/** There are none until the routes hear of members. */
export function composeRoutes(
  { config, events, opened }: Composition,
  { node, dataplane, pace, onRoutes }: RouteParts,
): ComposedRoutes {
  const paths = config.pathMtu.probing
    ? new PathProber({
        clock: systemClock,
        random: systemRandom,
        channel: dataplane.probes,
        sentPacketsTo: (peer) => routes.sentTo(peer).packets,
        onChange: () => routes.pathsChanged(),
        pace,
      })
    : undefined;
  opened.defer(() => paths?.close());
  const ways = new WayHistory(events);
  const history = new RouteHistory(events);
  const routes: OverlayRoutes = new OverlayRoutes({
    clusterPrefixes: config.clusterPrefixes,
    staticPeers: config.staticPeers,
    mtuBytes: node.mtuBytes,
    maxRoutes: MAX_ROUTES,
    wallClockMs: Date.now,
    sentTo: (peer) => dataplane.sentTo(peer),
    paths,
    remoteChecksum: node.remoteChecksum,
    relays: config.relay,
    publish: (state) => dataplane.publish(state),
    onWays: (inUse, isPeer) => ways.update(inUse, isPeer),
    onRoutes: (inUse) => {
      history.update(inUse);
      onRoutes(inUse);
    },
  });
  return { routes, paths };
}
