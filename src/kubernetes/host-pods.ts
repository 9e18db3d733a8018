/** Pods of a node that have its network: to others they are their node. */
import type { ApiPod } from './api-object.ts';

/** A pod of these has ended: nothing is sent by it any more. */
const endedPhases: readonly string[] = ['Succeeded', 'Failed'];

/** @param pods of this node */
export function hostPodsAmong(pods: Iterable<ApiPod>): readonly ApiPod[] {
  return [...pods].filter(({ hostNetwork, phase }) => hostNetwork && !endedPhases.includes(phase));
}
