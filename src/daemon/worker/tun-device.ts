/** What the dataplane asks the kernel about its TUN device. */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { ConflictError } from '../../errors.ts';
import type { Link } from '../../linux/link.ts';
import { attachedQueues, inspectTun } from '../../linux/tun.ts';

/** How long to wait for a daemon that is just ending to let go of the TUN device, in ms. */
const RELEASE_TIMEOUT_MS = 3_000;
const RELEASE_POLL_MS = 50;
/** Field of a line in /proc/net/dev, after the device's name: packets that could not be queued for transmission. */
const TRANSMIT_DROPPED_FIELD = 11;

/**
 * Waits for a daemon that is just ending to let go of the device.
 *
 * @param links as they were a moment ago, if they were listed.
 * @throws ConflictError `tun-device-unusable`, `tun-device-in-use` if it does not
 */
export async function waitUntilReleased(tunDevice: string, links?: readonly Link[]): Promise<void> {
  if (links !== undefined && (attachedQueues(links, tunDevice) ?? 0) === 0) return;
  const deadlineMs = performance.now() + RELEASE_TIMEOUT_MS;
  while (((await inspectTun(tunDevice)) ?? 0) > 0) {
    if (performance.now() > deadlineMs) {
      const what = `another process is attached to the TUN device ${tunDevice}`;
      throw new ConflictError('tun-device-in-use', `${what}: is another daemon running?`, { device: tunDevice });
    }
    await sleep(RELEASE_POLL_MS);
  }
}

/**
 * Packets that could not be queued for transmission, as nobody read them in time. From /proc, which shows the network namespace that
 * this process is in; /sys shows the one it was mounted in. `undefined`: there is no such device.
 */
export function readTransmitDrops(device: string): number | undefined {
  const lines = readFileSync('/proc/self/net/dev', 'utf8').split('\n');
  const line = lines.find((line) => line.trimStart().startsWith(`${device}:`));
  const fields = line
    ?.slice(line.indexOf(':') + 1)
    .trim()
    .split(/\s+/);
  return fields === undefined ? undefined : Number(fields[TRANSMIT_DROPPED_FIELD] ?? 0);
}
