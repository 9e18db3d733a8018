/** What the kernel has of a table of nftables that is weft's as a whole, against what it should. */
import type { NftDifference } from '../../linux/nft-table-look.ts';
import { type NftTable, titleOf } from '../../linux/nftables.ts';
import type { Finding } from './audit-finding.ts';

/**
 * What differs, in words.
 *
 * @param loss what is not done without the table: `no network policy is enforced`
 */
export function tableFindings(table: NftTable, loss: string, differences: readonly NftDifference[]): Finding[] {
  const subject = titleOf(table);
  return differences.map((difference) => ({ ...inWords(difference, subject, loss), subject }));
}

function inWords(difference: NftDifference, subject: string, loss: string): Pick<Finding, 'problem' | 'message'> {
  const { kind } = difference;
  if (kind === 'table-missing')
    return { problem: 'missing', message: `the nftables table ${subject} is gone: ${loss}` };
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
