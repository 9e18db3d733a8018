/** Makes of a pod's cable what is not there any more. */
import { basename } from 'node:path';
import { CommandError } from '../../errors.ts';
import { hasDevice } from '../../linux/device-names.ts';
import { listLinks, renameLink } from '../../linux/link.ts';
import { namespaceIdentity } from '../../linux/namespace-files.ts';
import type { Notice } from '../../api/control-api.ts';
import { findHostEnd } from './pod-inspection.ts';
import type { PodRecord } from './pod-record.ts';
import { connectPod, disconnectPod, furnishPod, type PodCable } from './pod-wiring.ts';
import type { ReconnectPace } from './reconnect-pace.ts';

/** Removes the pair, also under a name that somebody gave it: a pod that kept it would keep its addresses, too. */
export async function disconnectAnyName(cable: PodCable): Promise<void> {
  if (hasDevice(cable.hostDevice)) return await disconnectPod(cable.pod, cable.hostDevice);
  const end = findHostEnd(cable, { links: await listLinks() });
  if (end.kind === 'renamed') await disconnectPod(cable.pod, end.name);
}

/**
 * The pair keeps what it has, under its own name again if somebody renamed it; where there is none, or where its other end
 * was taken away, there is a new one, with the same addresses.
 *
 * @param pace is told of a new pair.
 * @returns what a person should know of the pod.
 */
export async function connectAgain(record: PodRecord, cable: PodCable, pace: ReconnectPace): Promise<Notice[]> {
  if (!hasDevice(record.hostDevice)) {
    const end = findHostEnd(cable, { links: await listLinks() });
    if (end.kind === 'renamed') await renameLink(end.name, record.hostDevice);
  }
  if (hasDevice(record.hostDevice)) {
    try {
      return await furnishPod(cable, 'replace');
    } catch (error) {
      // The other end was moved or renamed inside the pod. Any other failure is not cured by a new pair.
      if (!(error instanceof CommandError && error.message.includes('Cannot find device'))) throw error;
      await disconnectPod(cable.pod, record.hostDevice);
    }
  }
  const isNetnsMissing = record.ownsNetns && namespaceIdentity(record.netns) === undefined;
  pace.connected(cable.key);
  return connectPod(cable, isNetnsMissing ? basename(record.netns) : undefined);
}
