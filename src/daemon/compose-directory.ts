/** The pod directory, put together: what this node tells of its pods, and where those of all nodes are found. */
import { OwnPodsTeller } from './gossip/own-pods-teller.ts';
import { PodDirectory } from '../directory/pod-directory.ts';
import { PodIndex } from '../directory/pod-index.ts';
import type { OverlayRoutes } from '../forwarding/overlay-routes.ts';
import type { Member } from '../membership/announcement.ts';
import { longestMatch } from '../routing/longest-match.ts';
import type { ResolvedRoute } from '../routing/resolved-route.ts';
import type { IpAddress } from '../wire/address.ts';
import { prefixContains } from '../wire/prefix.ts';
import type { Composition } from './composition.ts';
import { systemClock, systemRandom } from './process/system-environment.ts';
import type { Pods } from './pods/pods.ts';
import type { ThisNode } from './this-node.ts';

export interface DirectoryParts {
  readonly node: Pick<ThisNode, 'identity'>;
  readonly pods: Pick<Pods, 'announced'>;
  readonly routes: Pick<OverlayRoutes, 'inUse'>;
  /** Asked for from the first change on. */
  readonly member: (identity: string) => Member | undefined;
  /** Called with the nodes whose pods are others now, or that are not there any more, or again. */
  readonly onChange?: (identities: readonly string[]) => void;
}

export interface ComposedDirectory {
  readonly directory: PodDirectory;
  readonly index: PodIndex;
  /** Whether a node may say that it, or a pod of it, has this address. */
  readonly mayHave: (identity: string, address: IpAddress) => boolean;
  /** To be told when pods of this node may have changed. */
  readonly teller: OwnPodsTeller;
}

/** Begins with the pods that this node has now, and follows them. Gossip carries it from when that begins. */
export function composeDirectory({ logger, opened }: Composition, parts: DirectoryParts): ComposedDirectory {
  const { node, pods, routes, member, onChange } = parts;
  const directory: PodDirectory = new PodDirectory({
    identity: node.identity,
    clock: systemClock,
    random: systemRandom,
    // Whatever this node said before, it said at an earlier time of day; if the clock went back since, others tell it.
    firstVersion: Date.now(),
    pods: [],
    onChange: (identities) => {
      index.update(identities);
      onChange?.(identities);
    },
  });
  const routeTo = (address: IpAddress): ResolvedRoute | undefined => routes.inUse[longestMatch(routes.inUse, address)];
  const mayHave = (identity: string, address: IpAddress): boolean => {
    const route = routeTo(address);
    if (route !== undefined) return route.owner.identity === identity;
    return member(identity)?.announcement.prefixes.some((prefix) => prefixContains(prefix, address)) === true;
  };
  const index = new PodIndex({
    setOf: (identity) => directory.setOf(identity),
    ownerOf: (address) => routeTo(address)?.owner.identity,
    mayHave,
    isReachable: (identity) => {
      const state = member(identity)?.state;
      return state === 'alive' || state === 'suspect';
    },
  });
  const teller = new OwnPodsTeller({ directory, announced: () => pods.announced(), logger });
  opened.defer(() => teller.stop());
  return { directory, index, mayHave, teller };
}
