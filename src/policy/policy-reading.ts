/** What became of an object that was read as a policy. */
import type { Policy } from './policy.ts';

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

/** The policy, unless something is wrong with it. */
export function readingOf(policy: Policy, problems: readonly string[], warnings: readonly string[]): PolicyReading {
  if (problems.length > 0) return { policy: undefined, problems };
  const count = policy.ingress.length + policy.egress.length;
  if (count <= MAX_RULES) return { policy, warnings };
  return { policy: undefined, problems: [`spec: Too many: ${count}: must have at most ${MAX_RULES} items`] };
}
