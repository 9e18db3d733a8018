/** What the doctors of other nodes found, as it was told: checked, and said of the node that was asked. */
import * as v from 'valibot';
import type { Diagnosis, UnexaminedNode } from '../../doctor/finding.ts';
import type { RemoteOutcome } from './remote-nodes.ts';
import { parseToldOutcomes } from './told-answer.ts';

const finding = v.object({
  id: v.string(),
  severity: v.picklist(['error', 'warning', 'note']),
  title: v.string(),
  evidence: v.array(v.string()),
  cause: v.string(),
  fix: v.object({ text: v.string(), commands: v.array(v.string()), automatic: v.boolean() }),
  // Versions before 0.2.0 do not say.
  about: v.optional(v.array(v.object({ node: v.string(), evidence: v.array(v.string()) })), []),
});

const diagnosis = v.object({
  time: v.string(),
  checks: v.array(v.object({ check: v.string(), outcome: v.picklist(['ok', 'found', 'skipped']), reason: v.string() })),
  findings: v.array(finding),
  fixed: v.array(v.string()),
});

/**
 * Those that were told, and the nodes that told none.
 *
 * @param through the node that asked them; empty: this one did.
 */
export function parseToldDiagnoses(
  outcomes: readonly RemoteOutcome<unknown>[],
  through = '',
): {
  readonly nodes: readonly Diagnosis[];
  readonly unexamined: readonly UnexaminedNode[];
} {
  const told = parseToldOutcomes(diagnosis, outcomes, 'tells what its doctor found');
  return {
    nodes: told.flatMap((one) => ('answer' in one ? [{ ...one.answer, node: one.node, through }] : [])),
    unexamined: told.flatMap((one) => ('error' in one ? [{ node: one.node, ...one.error }] : [])),
  };
}
