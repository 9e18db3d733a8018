/** The table of policies, where what it decides is known better than from its rules. */
import { type NftTable, POLICY_TABLE } from '../../linux/nftables.ts';
import type { PlanState } from '../../policy/plan-state.ts';

/**
 * From this size on, listing the table takes `nft` longer than listing all others one by one: there are some ten of them, at two programs of 10 ms
 * each. For a table of 1 000 policies, each of its two programs takes a second.
 */
const LARGE_PLAN = 300;

/** The table that need not be listed. @param plan that the kernel is known to have; `undefined`: what it has is to be looked at */
export function unlistedTable(plan: PlanState | undefined): NftTable | undefined {
  return plan !== undefined && plan.size >= LARGE_PLAN ? POLICY_TABLE : undefined;
}
