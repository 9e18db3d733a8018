/** Pods of Kubernetes on a node that does not ask its API: whatever policies say there, nobody enforces it here. */
import { type KubernetesName, kubernetesNameOf } from '../pods/kubernetes-pod.ts';
import { type PodIdentity, titleOf } from '../pods/pod-key.ts';
import { hasPolicies } from './pod-edges.ts';

/** Titles of those of which the runtime said that they are of Kubernetes, but for those that have policies of another network. */
export function podsOfKubernetes(records: readonly PodIdentity[]): readonly string[] {
  return records.filter((record) => hasPolicies(record) && isOfKubernetes(kubernetesNameOf(record))).map(titleOf);
}

/** Other runtimes give no UID. */
function isOfKubernetes(name: KubernetesName | undefined): boolean {
  return name?.uid !== undefined;
}
