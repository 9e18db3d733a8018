/** Addresses of peers that are no pods: what nodes have to do with them. Computed when asked for: nodes change rarely. */
import type { IpAddress } from '../wire/address.ts';
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

/** Whether an address lies in the prefix of a block, and in none of its exceptions. */
export function isInBlock({ prefix, except }: PeerBlock, address: IpAddress): boolean {
  return prefixContains(prefix, address) && !except.some((one) => prefixContains(one, address));
}

/** All that {@link isInBlock}. It takes long where there are many exceptions. */
export function coveredBy({ prefix, except }: PeerBlock): readonly Prefix[] {
  return prefixWithout(prefix, except);
}

/**
 * What a block covers, and in the overlay the addresses of nodes whose address on the underlay it covers.
 *
 * @param covered by the block, see {@link coveredBy}.
 */
export function prefixesOfBlock(
  block: PeerBlock,
  covered: readonly Prefix[],
  nodes: Iterable<PolicyNode>,
): readonly Prefix[] {
  const meant = [...nodes].filter(({ underlayAddresses }) => underlayAddresses.some((one) => isInBlock(block, one)));
  return disjointPrefixes([...covered, ...meant.flatMap(({ overlayAddresses }) => overlayAddresses).map(hostPrefix)]);
}
