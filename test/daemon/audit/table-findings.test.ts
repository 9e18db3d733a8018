import test from 'ava';
import { tableFindings } from '../../../src/daemon/audit/table-findings.ts';
import { POLICY_TABLE } from '../../../src/linux/nftables.ts';

test('what differs is said in words', (t) => {
  const table = 'inet weft-policy';
  const findings = tableFindings(POLICY_TABLE, 'no network policy is enforced', [
    { kind: 'table-missing', table },
    { kind: 'rules-changed', table },
    { kind: 'elements-changed', set: `${table} from` },
    { kind: 'element-missing', set: `${table} from`, element: 'wf0 : jump x' },
    { kind: 'element-stale', set: `${table} from`, element: 'wf1 : jump x' },
  ]);
  t.deepEqual(
    findings.map(({ problem, subject }) => `${problem} ${subject}`),
    ['missing', 'wrong', 'wrong', 'missing', 'stale'].map((problem) => `${problem} ${table}`),
  );
  t.is(findings[0]!.message, 'the nftables table inet weft-policy is gone: no network policy is enforced');
});
