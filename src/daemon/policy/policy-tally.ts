/** What rules of policies counted, put together: of one node by policies, and of several nodes by rules. */
import type { PolicyCount, RuleCount } from '../../api/policy-api.ts';
import { compareTexts } from '../../policy/policy.ts';
import type { RuleUse } from './policy-uses.ts';

/** @param time of a clock as `PolicyUses` has it, in words; of `undefined`: when the daemon started */
export function countsByPolicy(uses: readonly RuleUse[], time: (ms: number | undefined) => string): PolicyCount[] {
  return sumOfPolicies(
    uses.flatMap(({ counted, count, lastMs }) =>
      counted.policies.map((policy): PolicyCount => {
        const { effect } = counted;
        return {
          policy,
          allowed: effect === 'allowed' ? count : 0,
          denied: effect === 'denied' ? count : 0,
          audited: effect === 'audited' ? count : 0,
          last: lastMs === undefined ? '' : time(lastMs),
        };
      }),
    ),
  );
}

/** Those of one policy, of one node. @param policy its title */
export function countsByRule(
  uses: readonly RuleUse[],
  policy: string,
  node: string,
  time: (ms: number | undefined) => string,
): RuleCount[] {
  return uses.flatMap(({ counted, count, sinceMs, lastMs }) => {
    const { rule, place, direction, effect, policies } = counted;
    if (direction === '' || !policies.includes(policy)) return [];
    const last = lastMs === undefined ? '' : time(lastMs);
    return { rule, place, direction, effect, count, since: time(sinceMs), last, nodes: [node] };
  });
}

/** Each policy once, in order of their titles. */
export function sumOfPolicies(counts: readonly PolicyCount[]): PolicyCount[] {
  const sums = new Map<string, PolicyCount>();
  for (const one of counts) {
    const sum = sums.get(one.policy);
    sums.set(
      one.policy,
      sum === undefined
        ? one
        : {
            policy: one.policy,
            allowed: sum.allowed + one.allowed,
            denied: sum.denied + one.denied,
            audited: sum.audited + one.audited,
            last: later(sum.last, one.last),
          },
    );
  }
  return [...sums.values()].sort((a, b) => compareTexts(a.policy, b.policy));
}

/** Each rule once, in the order in which they come. */
export function sumOfRules(counts: readonly RuleCount[]): RuleCount[] {
  const sums = new Map<string, RuleCount>();
  for (const one of counts) {
    // Where nodes do not have the same policies yet, a rule may allow here and deny there.
    const key = JSON.stringify([one.direction, one.effect, one.place, one.rule]);
    const sum = sums.get(key);
    sums.set(
      key,
      sum === undefined
        ? one
        : {
            ...sum,
            count: sum.count + one.count,
            since: later(sum.since, one.since),
            last: later(sum.last, one.last),
            nodes: [...new Set([...sum.nodes, ...one.nodes])],
          },
    );
  }
  return [...sums.values()];
}

/** Of times in ISO 8601 in UTC. Empty: none. */
function later(a: string, b: string): string {
  return a > b ? a : b;
}
