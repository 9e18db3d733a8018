/** The table of policies, where what it decides is known better than from its rules. */
import { type NftTable, POLICY_TABLE } from '../../linux/nftables.ts';
import type { PlanState } from '../../policy/plan-state.ts';

/**
 * From so much on, `nft` takes longer for it than for all other tables one by one: they are some ten, and each takes two programs of 10 ms. A table
 * of 1 000 policies takes two of a second.
 */
const LARGE_PLAN = 300;

/** The table that need not be listed. @param plan that the kernel is known to have; `undefined`: what it has is to be looked at */
export function unlistedTable(plan: PlanState | undefined): NftTable | undefined {
  return plan !== undefined && plan.size >= LARGE_PLAN ? POLICY_TABLE : undefined;
}
