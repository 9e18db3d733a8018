/** What the kernel has of network policies, against what it should. */
import type { NftDifference } from '../../linux/nft-table-look.ts';
import { POLICY_TABLE, titleOf } from '../../linux/nftables.ts';
import type { Finding } from '../audit/audit-finding.ts';

/** What differs, in words. */
export function policyFindings(differences: readonly NftDifference[]): Finding[] {
  return differences.map((difference) => ({ ...inWords(difference), subject }));
}

const subject = titleOf(POLICY_TABLE);

function inWords(difference: NftDifference): Pick<Finding, 'problem' | 'message'> {
  const { kind } = difference;
  if (kind === 'table-missing')
    return { problem: 'missing', message: `the nftables table ${subject} is gone: no network policy is enforced` };
  if (kind === 'rules-changed')
    return { problem: 'wrong', message: `somebody changed the rules of the nftables table ${subject}` };
  const { set } = difference;
  if (kind === 'elements-changed')
    return { problem: 'wrong', message: `somebody changed elements of the nftables set ${set}` };
  const { element } = difference;
  return kind === 'element-missing'
    ? { problem: 'missing', message: `${element} is gone from the nftables set ${set}` }
    : { problem: 'stale', message: `${element} is in the nftables set ${set}, and should not be` };
}
