/** Which pods a selector means. A pod with the network of its node is meant by none: whoever asks here has left it out. */
import type { Labels, PolicyNamespace, PolicyPod } from './cluster-facts.ts';
import { type LabelSelector, selects } from './label-selector.ts';
import type { PodSelector } from './policy.ts';

/** Each namespace has this label, whose value is its name (k8s.io/api, core/v1). */
export const NAMESPACE_NAME_LABEL = 'kubernetes.io/metadata.name';

/** Made once for each: every new selector asks for those of all namespaces. */
const allLabels = new WeakMap<PolicyNamespace, Labels>();

/** @param namespace `undefined`: it is not known but by name. */
export function labelsOfNamespace(name: string, namespace: PolicyNamespace | undefined): Labels {
  if (namespace === undefined) return { [NAMESPACE_NAME_LABEL]: name };
  const labels = allLabels.get(namespace) ?? { ...namespace.labels, [NAMESPACE_NAME_LABEL]: name };
  allLabels.set(namespace, labels);
  return labels;
}

/** Whether a selector means pods of a namespace at all. */
export function selectsNamespace({ namespaces }: PodSelector, name: string, labels: Labels): boolean {
  return typeof namespaces === 'string' ? namespaces === name : selects(namespaces, labels);
}

/** Whether a selector of pods means one with these labels. `undefined`: they are not known, and it asks for them. */
export function selectsLabels(selector: LabelSelector, labels: Labels | undefined): boolean | undefined {
  if (selector.length === 0) return true;
  return labels && selects(selector, labels);
}

/**
 * Whether a selector means a pod. `undefined`: that is not known, as its labels are not.
 *
 * @param namespaceLabels those of the pod's namespace.
 */
export function selectsPod(selector: PodSelector, pod: PolicyPod, namespaceLabels: Labels): boolean | undefined {
  return selectsNamespace(selector, pod.namespace, namespaceLabels) && selectsLabels(selector.pods, pod.labels);
}
