/** Kubernetes, put together: where this node's prefixes and seeds come from, and what pods are called and labelled there. */
import type { Notice, Peer } from '../api/control-api.ts';
import type { OverlayRoutes } from '../forwarding/overlay-routes.ts';
import type { ApiMirror } from './kubernetes/api-mirror.ts';
import type { Composition } from './composition.ts';
import type { Config } from './config/config.ts';
import type { Gossip } from './gossip/gossip.ts';
import { DepartedNodes } from './kubernetes/departed-nodes.ts';
import { Kubernetes } from './kubernetes/kubernetes.ts';
import type { NodeTrouble } from './kubernetes/told-events.ts';
import type { NodeState } from './node-state.ts';
import { systemRandom } from './process/system-environment.ts';
import type { NodeFirewall } from './rules/node-firewall.ts';

export interface KubernetesParts {
  /** Opened before, as it takes a while; `undefined`: the configuration does not want it. */
  readonly api: ApiMirror | undefined;
  readonly state: NodeState;
  /** Ends the waiting for prefixes. */
  readonly ending: AbortSignal;
}

export interface ComposedKubernetes {
  readonly kubernetes: Kubernetes;
  /** With the prefixes that came from the API. */
  readonly config: Config;
}

/** Waits for the prefixes, if they come from there. @throws as `Kubernetes.prefixes` */
export async function composeKubernetes(
  { config, logger, opened }: Composition,
  { api, state, ending }: KubernetesParts,
): Promise<ComposedKubernetes | undefined> {
  if (config.kubernetes === undefined || api === undefined) return undefined;
  const kubernetes = new Kubernetes({
    api,
    kubernetes: config.kubernetes,
    clusterPrefixes: config.clusterPrefixes,
    ipam: config.ipam,
    gossipPort: config.gossip.port,
    store: state.directory.file('kubernetes.json'),
    serviceFile: state.directory.largeFile('kubernetes-services.json'),
    logger,
    wallClockMs: Date.now,
  });
  opened.defer(() => kubernetes.close());
  if (config.ipam.mode === 'static') return { kubernetes, config };
  return { kubernetes, config: { ...config, nodePrefixes: await kubernetes.prefixes(ending) } };
}

/** Has gossip and the rules of the node follow the Nodes, and begins to say that this node serves. */
export function followKubernetes(
  { logger, opened }: Composition,
  kubernetes: Kubernetes,
  parts: {
    readonly gossip: Pick<Gossip, 'members' | 'forget' | 'findSeeds'>;
    readonly firewall: Pick<NodeFirewall, 'update'>;
    readonly seeds: Parameters<NodeFirewall['update']>[0]['seeds'];
    readonly onPods: () => void;
  },
): DepartedNodes {
  const { gossip, firewall, seeds = [], onPods } = parts;
  const departed = new DepartedNodes({
    members: () => gossip.members(),
    forget: (identity) => gossip.forget(identity),
    random: systemRandom,
    logger,
  });
  opened.defer(() => departed.stop());
  const follow = (): void => {
    const found = kubernetes.seeds();
    gossip.findSeeds(found);
    firewall.update({ seeds: [...seeds, ...found] });
    const names = kubernetes.nodeNames();
    if (names !== undefined) departed.see(names);
  };
  follow();
  kubernetes.listen({ nodesChanged: follow, podsChanged: onPods });
  return departed;
}

/** How often it is looked what is wrong with this node, in ms. */
const TROUBLE_INTERVAL_MS = 30_000;

/** What a status has to say that `kubectl describe node` says, too. */
const eventReasons: Readonly<Record<string, string>> = {
  'prefix-overlap': 'PrefixConflict',
  'outside-cluster': 'PrefixConflict',
  'name-taken': 'NodeNameConflict',
  'endpoint-taken': 'NodeAddressConflict',
  'identity-contested': 'NodeIdentityConflict',
  'kubernetes-prefixes-changed': 'PodCIDRsChanged',
};

/** Peers that are named in one event. */
const MAX_NAMED_PEERS = 5;

/** Tells the API of what is wrong with this node from now on. */
export function tellTroubles(
  { opened }: Composition,
  kubernetes: Kubernetes,
  parts: {
    readonly gossip: Pick<Gossip, 'clockOffsetMs'>;
    readonly routes: Pick<OverlayRoutes, 'peers'>;
    /** Of the overlay, as this node announces it. */
    readonly mtuBytes: number;
    readonly notices: () => readonly Notice[];
  },
): void {
  const { gossip, routes, mtuBytes, notices } = parts;
  const look = (): void => {
    const noticed = notices().flatMap(({ code, message }): NodeTrouble[] => {
      const reason = eventReasons[code];
      return reason === undefined ? [] : [{ reason, message }];
    });
    kubernetes.tellTroubles([...noticed, ...mtuTroubles(routes.peers(gossip.clockOffsetMs()), mtuBytes)]);
  };
  const timer = setInterval(look, TROUBLE_INTERVAL_MS).unref();
  opened.defer(() => clearInterval(timer));
  look();
}

/** Paths on which less passes than both ends could take. As long as it is searched for, nothing is known. */
function mtuTroubles(peers: readonly Peer[], ownMtuBytes: number): NodeTrouble[] {
  const small = peers.flatMap(({ name, mtuBytes, path, directPath }) => {
    const straight = directPath ?? path;
    const possibleBytes = Math.min(mtuBytes, ownMtuBytes);
    const isSmall = straight.probing === 'confirmed' && straight.mtuBytes < possibleBytes;
    return isSmall ? [`${name} (${straight.mtuBytes} of ${possibleBytes} bytes)`] : [];
  });
  if (small.length === 0) return [];
  const named = small.slice(0, MAX_NAMED_PEERS);
  const more = small.length > named.length ? ` and ${small.length - named.length} more` : '';
  const message = `packets to ${named.join(', ')}${more} are cut to what passes on the way: look for the smallest MTU there`;
  return [{ reason: 'PathMTUSmall', message }];
}
