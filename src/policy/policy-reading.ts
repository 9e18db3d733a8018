/** What became of an object that was read as a policy. */
import { matchesOf } from './match-counts.ts';
import type { PeerBlock, Policy, PolicyRule } from './policy.ts';

export type PolicyReading =
  | {
      readonly policy: Policy;
      /** What of it is not understood, so that it denies more than its author may think; empty for most. */
      readonly warnings: readonly string[];
    }
  | {
      readonly policy: undefined;
      /** In the words of the Kubernetes API server; at least one. */
      readonly problems: readonly string[];
    };

/** Rules of one policy: one for each entry of a list of peers. */
const MAX_RULES = 4_096;

/** Of one policy: as many rules with some ports each. Ports of a rule count once for each of its peers. */
const MAX_MATCHES = 16_384;

/**
 * Prefixes that blocks of one policy become, since the addresses between two exceptions take several: one for each bit by which an exception
 * is longer. All of them are elements of sets in the kernel.
 */
const MAX_PREFIXES = 32_768;

/** The policy, unless something is wrong with it. */
export function readingOf(policy: Policy, problems: readonly string[], warnings: readonly string[]): PolicyReading {
  const all = problems.length > 0 ? problems : problemsOfSize([...policy.ingress, ...policy.egress]);
  return all.length > 0 ? { policy: undefined, problems: all } : { policy, warnings };
}

function problemsOfSize(rules: readonly PolicyRule[]): readonly string[] {
  if (rules.length > MAX_RULES) return [`spec: Too many: ${rules.length}: must have at most ${MAX_RULES} items`];
  const matches = matchesOf(rules);
  if (matches > MAX_MATCHES)
    return [`spec: Forbidden: its peers and ports make ${matches} matches, more than ${MAX_MATCHES}`];
  const count = rules.reduce((sum, { peer }) => sum + (peer.kind === 'block' ? mostPrefixes(peer) : 0), 0);
  if (count <= MAX_PREFIXES) return [];
  return [
    `spec: Forbidden: its blocks may become ${count} prefixes without their exceptions, more than ${MAX_PREFIXES}`,
  ];
}

function mostPrefixes({ prefix, except }: PeerBlock): number {
  return except.reduce((sum, { lengthBits }) => sum + lengthBits - prefix.lengthBits, 1);
}
