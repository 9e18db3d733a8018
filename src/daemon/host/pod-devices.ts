/** What pods' veth pairs are called, and the addresses of their ends: made from pods' keys, so that each is known for weft's. */
import { createHash } from 'node:crypto';
import { formatMacAddress } from '../../wire/address.ts';

/** Names of devices of pods, in the words of nftables. See {@link hostDeviceName}. */
export const POD_DEVICES = 'wf*';

/** Every alias of a pod's device begins so, see {@link hostDeviceAlias}. */
const POD_ALIAS_START = 'weft:';

/** Link-local gateway of every pod, per family. */
export const POD_GATEWAY = { 4: '169.254.1.1', 6: 'fe80::1' } as const;

/**
 * Name of the node's end of a pod's veth pair: `wf` and 8 hex digits, since 15 characters are too few for the pod's name.
 *
 * @param taken names that other pods have. Of 32 bits two are hardly ever equal, but then the second gets another.
 */
export function hostDeviceName(network: string, podKey: string, taken: ReadonlySet<string>): string {
  for (let attempt = 0; ; attempt++) {
    const name = `wf${digest('device', network, podKey, String(attempt)).subarray(0, 4).toString('hex')}`;
    if (!taken.has(name)) return name;
  }
}

/** Whether a device has a name that {@link hostDeviceName} gives. */
export function isHostDeviceName(name: string): boolean {
  return /^wf[0-9a-f]{8}$/.test(name);
}

/** Alias of the node's end: tells people whose it is, and us that it is ours. */
export function hostDeviceAlias(network: string, podKey: string): string {
  return `${POD_ALIAS_START}${network}:${podKey}`;
}

/** Whether the alias of a device says that it belongs to a pod, of any network. */
export function isPodAlias(alias: string): boolean {
  return alias.startsWith(POD_ALIAS_START);
}

/**
 * MAC address of either end of a pod's veth pair. Always the same for the same pod, so that caches stay right when it comes
 * back; and given, since udev replaces one that the kernel drew.
 */
export function macOfPod(network: string, podKey: string, end: 'pod' | 'node'): string {
  const [a, b, c, d, e] = digest(end, network, podKey);
  // Locally administered, unicast.
  return formatMacAddress(Uint8Array.of(0x02, a!, b!, c!, d!, e!));
}

/** The parts are joined by a character that is in none of them. */
function digest(...parts: readonly string[]): Buffer {
  return createHash('sha256').update(parts.join('\0')).digest();
}
