/** Who can find whom. */
import { formatEndpoint } from '../wire/address.ts';

import type { SimulatedNode } from './node.ts';
import { endpointAt } from './place.ts';
import { GOSSIP_PORT } from '../membership/parameters.ts';

/**
 * Whether from one node one gets to all others, where each step is that one of two knows where the other is now, and both
 * have a key in common.
 */
export function canAllMeet(nodes: readonly SimulatedNode[]): boolean {
  const [first, ...others] = nodes;
  if (first === undefined) return true;
  const known = new Map<SimulatedNode, Set<string>>();
  const knownBy = (node: SimulatedNode): Set<string> => {
    const endpoints = known.get(node) ?? new Set(node.knownEndpoints().map(formatEndpoint));
    known.set(node, endpoints);
    return endpoints;
  };
  const knows = (one: SimulatedNode, other: SimulatedNode): boolean =>
    knownBy(one).has(formatEndpoint(endpointAt(other.place, GOSSIP_PORT))) &&
    (one.keys === undefined || one.keys.ring.all.some(({ id }) => other.keys?.ring.find(id) !== undefined));
  const met = [first];
  const left = new Set(others);
  // What is pushed meanwhile is visited, too.
  for (const one of met) {
    for (const other of left) {
      if (!knows(one, other) && !knows(other, one)) continue;
      left.delete(other);
      met.push(other);
    }
  }
  return left.size === 0;
}
