/** What a status says of policies that are not enforced as they are written. */
import type { Notice } from '../../api/control-api.ts';
import { lacksRoom } from '../../policy/isolations.ts';
import { MAX_NODE_MATCHES } from '../../policy/match-counts.ts';
import type { IsolationPlan } from '../../policy/node-plan.ts';
import type { PlanState } from '../../policy/plan-state.ts';
import type { OddPolicy } from '../policy-facts/api-policies.ts';

/** Policies that are named in one notice. */
const MAX_NAMED = 5;

/** Longest text about one, in characters: whoever writes a policy has its names in it. */
const MAX_WORDS = 300;

/** Policies for whose rules this node has no room. @param plan that the kernel has; `undefined`: it has none */
export function roomNotices(plan: PlanState | undefined): readonly Notice[] {
  const lacking = plan === undefined ? [] : [...plan.isolations()].filter(lacksRoom);
  if (plan === undefined || lacking.length === 0) return [];
  const pods = [...plan.pods()];
  const groups = lacking.slice(0, MAX_NAMED).map(({ key, direction, isolatedBy, isAudit }) => {
    const count = pods.filter((pod) => pod[direction] === key).length;
    // The first one says why.
    const select = isolatedBy.length === 2 ? 'selects' : 'select';
    const which = `which ${someOf(isolatedBy.slice(1))} ${select}`;
    return `${direction} of ${count === 1 ? '1 pod' : `${count} pods`}, ${which}${isAudit ? ' (audit mode: everything passes)' : ''}`;
  });
  const others = lacking.length > groups.length ? `; and ${lacking.length - groups.length} more` : '';
  const message =
    `network policies have more rules than this node enforces (${MAX_NODE_MATCHES} peers and ports together): ` +
    `whatever they say, nothing is allowed for ${groups.join('; ')}${others}`;
  return [{ code: 'policy-too-many-rules', message }];
}

function someOf(titles: IsolationPlan['isolatedBy']): string {
  const named = titles.slice(0, MAX_NAMED).join(', ');
  return titles.length > MAX_NAMED ? `${named} and ${titles.length - MAX_NAMED} more` : named;
}

export function oddPolicyNotices(policies: readonly OddPolicy[]): readonly Notice[] {
  const closed = policies.filter(({ isClosed }) => isClosed);
  const partly = policies.filter(({ isClosed }) => !isClosed);
  return [
    ...notice('policy-unreadable', closed, 'cannot be read, and deny everything to the pods that they select'),
    ...notice('policy-not-understood', partly, 'are enforced but for what is not understood, which allows nothing'),
  ];
}

function notice(code: string, policies: readonly OddPolicy[], what: string): Notice[] {
  if (policies.length === 0) return [];
  const named = policies.slice(0, MAX_NAMED).map(({ kind, title, problems }) => {
    const more = problems.length > 1 ? ` and ${problems.length - 1} more` : '';
    return `${kind} ${title} (${problems[0]!.slice(0, MAX_WORDS)}${more})`;
  });
  const others = policies.length > named.length ? ` and ${policies.length - named.length} more` : '';
  return [{ code, message: `these policies ${what}: ${named.join('; ')}${others}` }];
}
