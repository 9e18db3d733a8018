/** What is suspicious about network policies and services, as evidence. */
import type { Suspicion } from '../policy/suspicions.ts';
import type { ServiceSuspicion } from '../services/service-suspicions.ts';
import type { SomeOf, SuspiciousPolicies } from './facts.ts';

export function suspicionEvidence(suspicions: SuspiciousPolicies): string[] {
  return evidenceOf(suspicions, suspicionText);
}

/** `shop/web spec.ingress[0].from[1]: no pod is selected, so that the rule never matches` */
export function suspicionText({ policy, path, text }: Suspicion): string {
  return `${policy} ${path}: ${text}`;
}

/** `shop/web 80/tcp: no pod of namespace shop has app=web: connections are refused` */
export function serviceEvidence(suspicions: SomeOf<ServiceSuspicion>): string[] {
  return evidenceOf(suspicions, ({ service, place, text }) => `${service} ${place}: ${text}`);
}

/** A line for each, and how many there are beside them. */
export function evidenceOf<One>({ some, count }: SomeOf<One>, words: (one: One) => string): string[] {
  const more = count > some.length ? [`and ${count - some.length} more`] : [];
  return [...some.map(words), ...more];
}
