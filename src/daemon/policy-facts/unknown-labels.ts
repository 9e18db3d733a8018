/**
 * Pods whose labels are not known, as their runtime does not say them and the API is away. Whether a policy selects such a pod is not known
 * either: if there is any that may, the pod is isolated, in both directions, until its labels are known.
 *
 * It is isolated by a policy like any other, which selects a label that is given to such pods alone, so that all who ask why are told.
 */
import type { PolicyNamespace } from '../../policy/cluster-facts.ts';
import { selects } from '../../policy/label-selector.ts';
import { directions, type Policy } from '../../policy/policy.ts';

/** Whoever gives it to a pod of theirs has it isolated. */
const LABEL = 'weft.dev/labels-unknown';

/** In the place of those that are not known. */
export const UNKNOWN_LABELS: Readonly<Record<string, string>> = { [LABEL]: 'true' };

/** What isolates them in a namespace. No policy of anybody has this name: it is no name in Kubernetes. */
export function isolationOfUnknown(namespace: string): Policy {
  return {
    tier: 'namespace',
    priority: 0,
    namespace,
    name: '(labels-unknown)',
    subject: { namespaces: namespace, pods: [{ key: LABEL, operator: 'Exists', values: [] }] },
    directions,
    ingress: [],
    egress: [],
    isAudit: false,
  };
}

/**
 * Whether a policy may select a pod of a namespace by labels that are not known.
 *
 * One of the whole cluster that selects all pods of a namespace needs no labels: it judges such a pod as it judges others.
 */
export function maySelect({ subject }: Policy, { name, labels }: PolicyNamespace): boolean {
  const { namespaces, pods } = subject;
  if (typeof namespaces === 'string') return namespaces === name;
  return pods.length > 0 && selects(namespaces, labels);
}
