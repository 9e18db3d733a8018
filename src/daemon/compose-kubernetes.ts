/** Kubernetes, put together: where this node's prefixes and seeds come from, and what pods are called and labelled there. */
import type { ApiMirror } from './kubernetes/api-mirror.ts';
import type { Composition } from './composition.ts';
import type { Config } from './config/config.ts';
import type { Gossip } from './gossip/gossip.ts';
import { DepartedNodes } from './kubernetes/departed-nodes.ts';
import { Kubernetes } from './kubernetes/kubernetes.ts';
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
