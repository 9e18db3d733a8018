/** What peers are known by: the same peers, however they are written, the same text. No two peers have the same one. */
import { formatPrefix } from '../wire/prefix.ts';
import type { LabelSelector } from './label-selector.ts';
import type { PolicyPeer } from './policy.ts';

/** Those of the peers who are in a set: whoever is meant for certain, or pods of which that is not known, as their labels are not. */
export type PeerCertainty = 'certain' | 'unknown';

/** `undefined`: anybody, for whom there is no set. */
export function peerKey(peer: PolicyPeer, certainty: PeerCertainty): string | undefined {
  const key = keyOf(peer);
  return key === undefined || certainty === 'certain' ? key : `unknown ${key}`;
}

function keyOf(peer: PolicyPeer): string | undefined {
  if (peer.kind === 'all') return undefined;
  if (peer.kind === 'none') return 'none';
  if (peer.kind === 'nodes') return `nodes ${selectorText(peer.nodes)}`;
  if (peer.kind === 'block')
    return ['block', formatPrefix(peer.prefix), ...inOrder(peer.except.map(formatPrefix))].join(' ');
  const { namespaces, pods } = peer.pods;
  const where = typeof namespaces === 'string' ? JSON.stringify(namespaces) : selectorText(namespaces);
  return `pods ${where} ${selectorText(pods)}`;
}

function selectorText(selector: LabelSelector): string {
  const requirements = selector.map(({ key, operator, values }) => JSON.stringify([key, operator, ...inOrder(values)]));
  return `[${inOrder(requirements).join(',')}]`;
}

/** Sorted, each once. */
function inOrder(texts: readonly string[]): readonly string[] {
  return [...new Set(texts)].sort();
}
