/** What a status says of policies of which not all is understood. */
import type { Notice } from '../../api/control-api.ts';
import type { OddPolicy } from '../policy-facts/api-policies.ts';

/** Policies that are named in one notice. */
const MAX_NAMED = 5;

/** Longest text about one, in characters: whoever writes a policy has its names in it. */
const MAX_WORDS = 300;

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
