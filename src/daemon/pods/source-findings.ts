/** What the kernel lets pods send from, against what it should. */
import { POD_ARP_TABLE, POD_TABLE, titleOf } from '../../linux/nftables.ts';
import type { Finding } from '../audit/audit-finding.ts';
import type { PodSource } from './source-rules.ts';
import type { SourceTables } from './source-tables.ts';

/**
 * What is not as it should be.
 *
 * @param strays devices that may be watched though they are no pod's.
 * @param wanted the tables as they were left, with the elements that they should have.
 */
export function sourceFindings(
  pods: readonly PodSource[],
  strays: readonly string[],
  wanted: SourceTables,
  found: SourceTables | undefined,
): Finding[] {
  const subject = titleOf(POD_TABLE);
  if (found === undefined) {
    const message = `the nftables table ${subject} or ${titleOf(POD_ARP_TABLE)} is gone: pods can send from any address`;
    return [{ problem: 'missing', subject, message }];
  }
  const changed = `somebody changed the rules of the nftables table ${subject} or ${titleOf(POD_ARP_TABLE)}`;
  const findings: Finding[] = found.shape === wanted.shape ? [] : [{ problem: 'wrong', subject, message: changed }];
  const podOf = new Map(pods.map(({ device, pod }) => [device, pod]));
  for (const [name, elements] of wanted.elements) {
    const present = found.elements.get(name) ?? new Set();
    const missing = [...elements].filter((element) => !present.has(element));
    const stale = [...present].filter((element) => !elements.has(element) && !strays.includes(element));
    findings.push(
      ...missing.map((element): Finding => ({
        problem: 'missing',
        subject: deviceOf(element),
        changedIn: subject,
        message: `${element}, of pod ${podOf.get(deviceOf(element))}, is gone from the nftables set ${name}`,
      })),
      ...stale.map((element): Finding => ({
        problem: 'stale',
        subject: deviceOf(element),
        changedIn: subject,
        message: `${element} is in the nftables set ${name}, and of no pod`,
      })),
    );
  }
  return findings;
}

function deviceOf(element: string): string {
  return element.split(' . ')[0]!;
}
