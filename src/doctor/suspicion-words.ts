/** What is suspicious about network policies, as evidence. */
import type { Suspicion } from '../policy/suspicions.ts';
import type { SuspiciousPolicies } from './facts.ts';

export function suspicionEvidence({ some, count }: SuspiciousPolicies): string[] {
  const more = count > some.length ? [`and ${count - some.length} more`] : [];
  return [...some.map(suspicionText), ...more];
}

/** `shop/web spec.ingress[0].from[1]: no pod is selected, so that the rule never matches` */
export function suspicionText({ policy, path, text }: Suspicion): string {
  return `${policy} ${path}: ${text}`;
}
