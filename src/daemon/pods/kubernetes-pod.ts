/** Under which name and UID Kubernetes knows a pod that its runtime attached. */
import { DEFAULT_NAMESPACE } from '../../directory/pod-name.ts';
import { formatIpAddress, type IpAddress } from '../../wire/address.ts';
import type { PodIdentity } from './pod-key.ts';

/** As it stands in the Pod object. */
export interface KubernetesName {
  readonly namespace: string;
  readonly name: string;
  /** `undefined`: the runtime did not say it. */
  readonly uid: string | undefined;
}

/** With what it has here. */
export interface KubernetesPod extends KubernetesName {
  readonly addresses: readonly string[];
}

/** `undefined`: no runtime attached it. Whether Kubernetes knows it is not said by that. */
export function kubernetesNameOf({ name, namespace, attachment }: PodIdentity): KubernetesName | undefined {
  if (attachment === undefined) return undefined;
  const { givenName = '', podUid: uid } = attachment;
  const slash = givenName.indexOf('/');
  // No name and no namespace of Kubernetes has a slash.
  if (slash !== -1) return { namespace: givenName.slice(0, slash), name: givenName.slice(slash + 1), uid };
  return { namespace: namespace ?? DEFAULT_NAMESPACE, name: givenName === '' ? name : givenName, uid };
}

/** The same for a pod with these addresses. */
export function kubernetesPodOf(record: PodIdentity, addresses: readonly IpAddress[]): KubernetesPod | undefined {
  const known = kubernetesNameOf(record);
  return known && { ...known, addresses: addresses.map(formatIpAddress) };
}
