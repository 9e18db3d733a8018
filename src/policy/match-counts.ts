/**
 * How much policies ask of the kernel. A match is one peer with one port: a rule there for packets of who begins, and one for those of who
 * answers, of each family of addresses. `nft` takes about 6 kB for a rule.
 */
import type { Direction, Policy, PolicyRule } from './policy.ts';
import { asksLabels } from './unknown-labels.ts';
import { protocolsOfNames } from './unknown-ports.ts';

/**
 * Of all isolations of one node. With peers of two families these are 65 536 rules, for which `nft` needs 400 MB, and a processor for 5 s. It is
 * ended after 30 s, and of a table for which that is not enough nothing is enforced.
 */
export const MAX_NODE_MATCHES = 16_384;

/** Of rules as they are written. */
export function matchesOf(rules: readonly PolicyRule[]): number {
  return rules.reduce((sum, { ports }) => sum + Math.max(1, ports?.length ?? 1), 0);
}

/** Of rules as they are planned: what denies or passes by labels, or by names of ports, has further rules, for pods of which these are not known. */
export function plannedMatchesOf(policies: readonly Policy[], direction: Direction): number {
  return policies.flatMap((policy) => policy[direction]).reduce((sum, rule) => sum + plannedMatchesOfRule(rule), 0);
}

function plannedMatchesOfRule(rule: PolicyRule): number {
  const certain = matchesOf([rule]);
  if (rule.action === 'allow') return certain;
  const byNames = protocolsOfNames(rule.ports).length;
  return certain + byNames + (asksLabels(rule.peer) ? certain + byNames : 0);
}

/**
 * Those that are left out so that the others have room: the largest, and of the same size the first by key. So who asks for little is
 * enforced whatever others ask for, and which these are depends on nothing but what there is.
 *
 * @returns their keys.
 */
export function beyondMatches(
  all: readonly { readonly key: string; readonly matches: number }[],
  most: number,
): ReadonlySet<string> {
  const out = new Set<string>();
  let sum = all.reduce((total, { matches }) => total + matches, 0);
  if (sum <= most) return out;
  for (const { key, matches } of all.toSorted((a, b) => b.matches - a.matches || (a.key < b.key ? -1 : 1))) {
    if (sum <= most) break;
    out.add(key);
    sum -= matches;
  }
  return out;
}
