/** A pod's device of an earlier run. */
import { ConflictError } from '../../errors.ts';
import { hasDevice } from '../../linux/device-names.ts';
import { listLinks } from '../../linux/link.ts';
import { keyOf, titleOf } from './pod-key.ts';
import type { PodRecord } from './pod-record.ts';
import { hostDeviceAlias } from '../host/pod-devices.ts';
import { disconnectPod } from './pod-wiring.ts';

/** Removes a device of an earlier run that nobody knows, so that from here on the name stands for ours. */
export async function removeLeftover(record: PodRecord): Promise<void> {
  const { network, hostDevice } = record;
  const title = titleOf(record);
  if (!hasDevice(hostDevice)) return;
  const link = (await listLinks()).find(({ ifname }) => ifname === hostDevice);
  if (link !== undefined && link.ifalias !== hostDeviceAlias(network, keyOf(record))) {
    const message = `pod ${title} cannot be connected: the node has a device ${hostDevice} that is not weft's`;
    throw new ConflictError('device-exists', message, { pod: title });
  }
  await disconnectPod(title, hostDevice);
}
