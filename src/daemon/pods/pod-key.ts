/**
 * Who a pod is, within its node.
 *
 *     made by hand or for Docker    namespace and name         `web`, `shop/web`
 *     attached through CNI          container and interface    `9f86d0818840:eth0`
 *
 * A runtime may add the next container of a name before it deletes the one before: among attachments a name is no key.
 */
import { DEFAULT_NAMESPACE, podTitle } from '../../directory/pod-name.ts';
import type { LeaseKey } from '../../ipam/lease.ts';

/** Name of the pod's end of its cable, if nobody wants another. */
export const POD_DEVICE = 'eth0';

/** What tells a pod from others, as it is stored. */
export interface PodIdentity {
  readonly name: string;
  /** Absent: the default one, as in records of earlier versions. */
  readonly namespace?: string;
  /** Name of its end of the cable. Absent: {@link POD_DEVICE}. */
  readonly device?: string;
  /** Whose interface it is. Absent: it was made by hand. */
  readonly attachment?: PodAttachment;
}

/** An interface that a runtime attached through CNI. */
export interface PodAttachment {
  readonly containerId: string;
  /** Name of the network in the runtime's configuration. */
  readonly cniNetwork: string;
  /** What the runtime calls the pod, where DNS cannot carry that. */
  readonly givenName?: string;
  /** Of its Pod object in Kubernetes, if the runtime said it. */
  readonly podUid?: string;
  /** It is beside the interface of another network, and leads to the overlay alone. */
  readonly alongside?: true;
}

/** Under which a pod is found in the node. No name and no namespace has a colon, and so no pod by hand has the key of an attachment. */
export function keyOf({ name, namespace, device, attachment }: PodIdentity): string {
  return attachment === undefined
    ? keyByHand(namespace, name)
    : keyOfAttachment(attachment.containerId, device ?? POD_DEVICE);
}

/** Of a pod that a person named. */
export function keyByHand(namespace: string | undefined, name: string): string {
  return podTitle(namespace ?? DEFAULT_NAMESPACE, name);
}

/** Of an interface of a container. */
export function keyOfAttachment(containerId: string, device: string): string {
  return `${containerId}:${device}`;
}

/** How people are told of a pod. */
export function titleOf({ name, namespace }: Pick<PodIdentity, 'name' | 'namespace'>): string {
  return podTitle(namespace ?? DEFAULT_NAMESPACE, name);
}

/** Under which its addresses are leased. */
export function leaseKeyOfPod(record: PodIdentity & { readonly network: string }): LeaseKey {
  const { network, device = POD_DEVICE, attachment } = record;
  return attachment === undefined
    ? { network, pod: keyOf(record) }
    : { network, containerId: attachment.containerId, interface: device, title: titleOf(record) };
}
