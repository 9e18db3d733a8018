/** Pods of a node that have its network: to others they are their node. */
import { type ApiPod, hasEnded } from './api-object.ts';

/** @param pods of this node */
export function hostPodsAmong(pods: Iterable<ApiPod>): readonly ApiPod[] {
  return [...pods].filter((pod) => pod.hostNetwork && !hasEnded(pod));
}
