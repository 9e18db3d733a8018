/** Whatever sends probes because somebody asks for it, put together: ping and matrix. */
import type { PodDirectory } from '../../directory/pod-directory.ts';
import type { PodIndex } from '../../directory/pod-index.ts';
import { podTitle } from '../../directory/pod-name.ts';
import type { ApiPod } from '../../kubernetes/api-object.ts';
import type { Announcement, Member } from '../../membership/announcement.ts';
import { ClusterPods } from '../places/cluster-pods.ts';
import { Echoes } from './echoes.ts';
import type { Matrix, MatrixRequest } from '../../api/matrix-api.ts';
import { ClusterMatrix } from './matrix.ts';
import { Measurement } from './measurement.ts';
import { PeerWays } from './peer-ways.ts';
import type { PingRequest, PingRound } from '../../api/ping-api.ts';
import { Ping } from './ping.ts';
import { Places, type PlacesOptions } from '../places/places.ts';
import type { RemoteNodes } from '../remote/remote-nodes.ts';
import { systemClock } from '../process/system-environment.ts';
import type { Config } from '../config/config.ts';
import type { Gossip } from '../gossip/gossip.ts';
import type { PathProber } from '../routes/path-prober.ts';
import type { OverlayRoutes } from '../../forwarding/overlay-routes.ts';
import type { Pods } from '../pods/pods.ts';

/** What the control server asks of it. */
export interface ProbeHandlers {
  /** @throws WeftError `place-unknown`, `place-ambiguous`, and as `RemoteNodes.ask` */
  ping(request: PingRequest): Promise<PingRound>;
  matrix(request: MatrixRequest): Promise<Matrix>;
}

/** What is probed, and by what. */
export interface ProbeParts {
  readonly config: Config;
  readonly gossip: Gossip;
  /** Absent where paths are not probed. */
  readonly paths: PathProber | undefined;
  readonly routes: OverlayRoutes;
  readonly pods: Pods;
  /** Pods of this node that have its network. */
  readonly hostPods: () => readonly ApiPod[];
  readonly directory: Pick<PodDirectory, 'versionOf'>;
  readonly index: PodIndex;
  readonly identity: string;
  readonly overlayMtuBytes: number;
  /** As in `PlacesOptions`. */
  readonly serviceAddresses: PlacesOptions['serviceAddresses'];
}

/** Puts it together. */
export function composeProbes(
  parts: ProbeParts,
  remote: RemoteNodes,
): { readonly handlers: ProbeHandlers; readonly pods: ClusterPods; readonly places: Places; close(): void } {
  const { config, gossip, paths, routes, overlayMtuBytes } = parts;
  const { nodeName, staticPeers, clusterPrefixes } = config;
  const members = (): Member[] => gossip.members().toSorted((a, b) => Number(isGone(a)) - Number(isGone(b)));
  const others = (): Announcement[] =>
    members().flatMap(({ announcement }) => (announcement.identity === parts.identity ? [] : announcement));
  const echoes = new Echoes();
  const pods = new ClusterPods(remote, nodeName, () => parts.pods.list(), {
    member: (node) => members().find(({ announcement }) => announcement.name === node),
    of: (identity) => (parts.directory.versionOf(identity) === undefined ? undefined : parts.index.of(identity)),
  });
  const places = new Places({
    pods,
    hostPods: () =>
      parts.hostPods().map(({ namespace, name }) => ({ node: nodeName, name: podTitle(namespace, name) })),
    members,
    staticPeers: staticPeers.map(({ name }) => name),
    routes: () => routes.inUse,
    clusterPrefixes,
    serviceAddresses: parts.serviceAddresses,
    domain: config.names.enabled ? config.names.domain : undefined,
  });
  const ways = new PeerWays({ echoes, paths, routes, others, staticPeers, overlayMtuBytes });
  const ping = new Ping({ nodeName, places, echoes, ways });
  const aliveForMs = (node: string): number | undefined => {
    const member = gossip.members().find(({ announcement, state }) => announcement.name === node && state === 'alive');
    return member && systemClock.nowMs() - member.sinceMs;
  };
  const measurement = new Measurement({
    nodeName,
    ways,
    echoes,
    clusterPrefixes,
    aliveForMs,
  });
  const matrix = new ClusterMatrix({ remote, pods, measurement, clusterPrefixes });
  return {
    handlers: {
      ping: async (request) => ping.round(request),
      matrix: async (request) => matrix.measure(request),
    },
    pods,
    places,
    close: () => echoes.close(),
  };
}

function isGone({ state }: Member): boolean {
  return state === 'dead' || state === 'left';
}
