/** What the kernel lets pods send from, against what it should. */
import type { NftDifference } from '../../linux/nft-table-look.ts';
import { POD_ARP_TABLE, POD_TABLE, titleOf } from '../../linux/nftables.ts';
import type { Finding } from '../audit/audit-finding.ts';
import type { PodSource } from './source-rules.ts';

/** What differs, in words. What concerns both tables of pods is one finding. */
export function sourceFindings(pods: readonly PodSource[], differences: readonly NftDifference[]): Finding[] {
  const subject = titleOf(POD_TABLE);
  const tables = `the nftables table ${subject} or ${titleOf(POD_ARP_TABLE)}`;
  if (differences.some(({ kind }) => kind === 'table-missing'))
    return [{ problem: 'missing', subject, message: `${tables} is gone: pods can send from any address` }];
  const isChanged = differences.some(({ kind }) => kind === 'rules-changed');
  const findings: Finding[] = isChanged
    ? [{ problem: 'wrong', subject, message: `somebody changed the rules of ${tables}` }]
    : [];
  const podOf = new Map(pods.map(({ device, pod }) => [device, pod]));
  for (const difference of differences) {
    if (difference.kind === 'elements-changed') {
      const message = `somebody changed elements of the nftables set ${difference.set}`;
      findings.push({ problem: 'wrong', subject, message });
    }
    if (difference.kind !== 'element-missing' && difference.kind !== 'element-stale') continue;
    const { kind, element, set } = difference;
    const device = element.split(' . ')[0]!;
    const pod = podOf.get(device);
    const about = { subject: device, changedIn: subject };
    const whose = pod === undefined ? '' : `, of pod ${pod},`;
    findings.push(
      kind === 'element-missing'
        ? { problem: 'missing', ...about, message: `${element}${whose} is gone from the nftables set ${set}` }
        : { problem: 'stale', ...about, message: `${element} is in the nftables set ${set}, and of no pod` },
    );
  }
  return findings;
}
