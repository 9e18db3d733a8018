/**
 * Pods whose labels are not known, as their runtime does not say them and the API is away. Whether a selector means such a pod is known only
 * where it means all pods of a namespace. Such a pod, and others towards it, are allowed no more than with whatever labels it may have:
 *
 *     a policy may select it, and deny      it is isolated in both directions, whatever other policies allow
 *     an `allow` may mean it as a peer      does not mean it
 *     a `deny` may mean it as a peer        denies
 *     a `pass` may mean it as a peer        denies, as nobody knows whether what stands behind it in its tier is asked
 *
 * Its ports with names are mostly not known either: see `unknown-ports.ts`.
 */
import type { Labels, PolicyPod } from './cluster-facts.ts';
import { selectsNamespace, selectsPod } from './pod-selection.ts';
import { directions, type Policy, type PolicyPeer, type PolicyRule, ruleName } from './policy.ts';

/** In the place of a name of a policy, and behind the name of a rule. No policy of anybody is called so: it is no name in Kubernetes. */
const NAME = '(labels-unknown)';

/**
 * The first of these policies by which a pod is isolated because its labels are not known; `undefined`: none, or its labels are known.
 *
 * Of NetworkPolicies, any in its namespace will do: one that selects all pods rarely is all that there is to say of them. One of the whole
 * cluster that selects all pods of the namespace judges it as it judges others.
 *
 * @param namespaceLabels those of the pod's namespace.
 */
export function closingPolicy(policies: Iterable<Policy>, pod: PolicyPod, namespaceLabels: Labels): Policy | undefined {
  if (pod.labels !== undefined) return undefined;
  for (const policy of policies) {
    const { tier, subject } = policy;
    const isCloser =
      tier === 'namespace'
        ? selectsNamespace(subject, pod.namespace, namespaceLabels)
        : selectsPod(subject, pod, namespaceLabels) === undefined;
    if (isCloser && mayDeny(policy)) return policy;
  }
  return undefined;
}

/** Whether a pod may be allowed less for being selected by it. In audit mode, nothing is denied; but what passes is not allowed any more. */
function mayDeny({ tier, isAudit, ingress, egress }: Policy): boolean {
  if (tier === 'namespace') return !isAudit;
  return [...ingress, ...egress].some(({ action }) => action === 'pass' || (action === 'deny' && !isAudit));
}

/** What isolates such pods of a namespace in a plan, in the place of all other policies. */
export function isolationOfUnknown(namespace: string): Policy {
  return {
    tier: 'namespace',
    priority: 0,
    namespace,
    name: NAME,
    subject: { namespaces: namespace, pods: [] },
    directions,
    ingress: [],
    egress: [],
    isAudit: false,
  };
}

/** Whether labels say which pods are meant. */
export function asksLabels(peer: PolicyPeer): boolean {
  return peer.kind === 'pods' && peer.pods.pods.length > 0;
}

/** The name of what a rule is to pods that it may mean: `tenants ingress[2].from[0] (labels-unknown)`. */
export function ruleNameForUnknown(policy: Policy, rule: PolicyRule): string {
  return `${ruleName(policy, rule)} ${NAME}`;
}
