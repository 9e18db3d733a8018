/** Tables of policies and services, where what they decide is known better than from their rules. */
import { type NftTable, POLICY_TABLE, SERVICE_TABLE } from '../../linux/nftables.ts';
import type { PlanState } from '../../policy/plan-state.ts';

/**
 * From this size on, listing a table takes `nft` longer than listing all others one by one: there are some ten of them, at two programs of 10 ms
 * each. For a table of 1 000 policies, each of its two programs takes a second.
 */
const LARGE = 300;

/**
 * Tables that need not be listed.
 *
 * @param plan that the kernel is known to have; `undefined`: what it has is to be looked at
 * @param frontends the same of services, their number
 */
export function unlistedTables(plan: PlanState | undefined, frontends: number | undefined): readonly NftTable[] {
  return [
    ...(plan !== undefined && plan.size >= LARGE ? [POLICY_TABLE] : []),
    ...(frontends !== undefined && frontends >= LARGE ? [SERVICE_TABLE] : []),
  ];
}
