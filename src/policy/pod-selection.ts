/** Which pods a selector means. A pod with the network of its node is meant by none: whoever asks here has left it out. */
import type { Labels, PolicyNamespace, PolicyPod } from './cluster-facts.ts';
import { selects } from './label-selector.ts';
import type { PodSelector } from './policy.ts';

/** Each namespace has this label, whose value is its name (k8s.io/api, core/v1). */
const NAME_LABEL = 'kubernetes.io/metadata.name';

/** @param namespace `undefined`: it is not known but by name. */
export function labelsOfNamespace(name: string, namespace: PolicyNamespace | undefined): Labels {
  return { ...namespace?.labels, [NAME_LABEL]: name };
}

/** Whether a selector means pods of a namespace at all. */
export function selectsNamespace({ namespaces }: PodSelector, name: string, labels: Labels): boolean {
  return typeof namespaces === 'string' ? namespaces === name : selects(namespaces, labels);
}

/** @param namespaceLabels those of the pod's namespace. */
export function selectsPod(selector: PodSelector, pod: PolicyPod, namespaceLabels: Labels): boolean {
  return selectsNamespace(selector, pod.namespace, namespaceLabels) && selects(selector.pods, pod.labels);
}
