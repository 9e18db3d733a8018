/** Addresses of peers that are no pods: what nodes have to do with them. Computed when asked for: nodes change rarely. */
import { hostPrefix, type Prefix, prefixContains } from '../wire/prefix.ts';
import type { PolicyNode } from './cluster-facts.ts';
import { disjointPrefixes, prefixWithout } from './disjoint-prefixes.ts';
import { type LabelSelector, selects } from './label-selector.ts';
import type { PeerBlock } from './policy.ts';

/** All addresses of nodes that have these labels. */
export function prefixesOfNodes(selector: LabelSelector, nodes: Iterable<PolicyNode>): readonly Prefix[] {
  const selected = [...nodes].filter(({ labels }) => selects(selector, labels));
  return disjointPrefixes(
    selected
      .flatMap(({ underlayAddresses, overlayAddresses }) => [...underlayAddresses, ...overlayAddresses])
      .map(hostPrefix),
  );
}

/** What a block covers, and in the overlay the addresses of nodes whose address on the underlay it covers. */
export function prefixesOfBlock({ prefix, except }: PeerBlock, nodes: Iterable<PolicyNode>): readonly Prefix[] {
  const covered = prefixWithout(prefix, except);
  const isCovered = (node: PolicyNode) =>
    node.underlayAddresses.some((address) => covered.some((one) => prefixContains(one, address)));
  const overlay = [...nodes].filter(isCovered).flatMap(({ overlayAddresses }) => overlayAddresses);
  return disjointPrefixes([...covered, ...overlay.map(hostPrefix)]);
}
