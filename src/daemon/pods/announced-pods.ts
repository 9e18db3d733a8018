/** What other nodes are told of the pods of this one. */
import type { DirectoryPod } from '../../directory/directory-pod.ts';
import { setOf } from '../../directory/own-pods.ts';
import { problemOfPod } from '../../directory/pod-codec.ts';
import { DEFAULT_NAMESPACE } from '../../directory/pod-name.ts';
import type { PodPort } from '../../directory/pod-port.ts';
import type { IpAddress } from '../../wire/address.ts';
import { titleOf } from './pod-key.ts';
import type { PodRecord } from './pod-record.ts';

/** A pod, and the addresses that it has. */
export interface AddressedPod {
  readonly record: PodRecord;
  readonly addresses: readonly IpAddress[];
  /** Those that have names. Absent: none are known. */
  readonly ports?: readonly PodPort[];
  /** It has, or may have, others with names. Absent: it has none. */
  readonly hasMorePorts?: boolean;
  /** It has, or may have, other labels than those of its record. Absent: it has none. */
  readonly hasMoreLabels?: boolean;
}

/**
 * The pods as others are told of them. Of several that bear one name, as a runtime may add the next container before it deletes the one
 * before, the newest has it. Interfaces of one container are one pod.
 *
 * @param pods the oldest first
 */
export function announcedPods(pods: readonly AddressedPod[]): DirectoryPod[] {
  const holders = new Map<string, string>();
  for (const { record } of pods) holders.set(titleOf(record), containerOf(record));
  const interfaces = Map.groupBy(pods, ({ record }) => `${titleOf(record)} ${containerOf(record)}`);
  const announced = Array.from(interfaces.values(), (ofOne) => {
    const [first] = ofOne;
    const isSuperseded = holders.get(titleOf(first!.record)) !== containerOf(first!.record);
    return announcedPod({ ...first!, addresses: ofOne.flatMap(({ addresses }) => addresses) }, isSuperseded);
  });
  // An earlier version had no limits: what others would refuse is left out, so that they hear of the rest.
  return announced.filter((pod) => problemOfPod(pod) === undefined);
}

/** Refuses a pod that others could not be told of beside those that are there. @throws as {@link setOf} */
export function checkAnnounced(pods: readonly AddressedPod[], added: AddressedPod): void {
  // Whether it takes the name of another is not at issue here.
  setOf([...announcedPods(pods), announcedPod(added, true)]);
}

function announcedPod(pod: AddressedPod, isSuperseded: boolean): DirectoryPod {
  const { record, addresses, ports = [], hasMorePorts = false, hasMoreLabels = false } = pod;
  const { name, namespace = DEFAULT_NAMESPACE, labels = {} } = record;
  return { name, namespace, labels, hasMoreLabels, ports, hasMorePorts, addresses, isSuperseded };
}

/** Pods made by hand, of which there is one of a name, are their own. */
function containerOf({ attachment }: PodRecord): string {
  return attachment?.containerId ?? '';
}
