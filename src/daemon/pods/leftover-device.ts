/** A pod's device of an earlier run. */
import { ConflictError } from '../../errors.ts';
import { deviceNames } from '../../linux/device-names.ts';
import { listLinks } from '../../linux/link.ts';
import type { PodRecord } from './pod-record.ts';
import { hostDeviceAlias } from '../host/pod-devices.ts';
import { disconnectPod } from './pod-wiring.ts';

/** Removes a device of an earlier run that nobody knows, so that from here on the name stands for ours. */
export async function removeLeftover({ name, network, hostDevice }: PodRecord): Promise<void> {
  if (!deviceNames().has(hostDevice)) return;
  const link = (await listLinks()).find(({ ifname }) => ifname === hostDevice);
  if (link !== undefined && link.ifalias !== hostDeviceAlias(network, name)) {
    const message = `pod ${name} cannot be connected: the node has a device ${hostDevice} that is not weft's`;
    throw new ConflictError('device-exists', message, { pod: name });
  }
  await disconnectPod(name, hostDevice);
}
