/** Which network devices are weft's: told by what they are and by their alias, whatever the configuration says today. */
import { ConflictError } from '../../errors.ts';
import type { Link } from '../../linux/link.ts';
import { isHostDeviceName, isPodAlias } from './pod-devices.ts';

/** Alias of the TUN device. */
export const TUN_ALIAS = 'weft';

/** Whether a device is a TUN device that a daemon of weft set up, under whatever name. */
export function isOwnTun(link: Link): boolean {
  return isWeftKindOfTun(link) && link.ifalias === TUN_ALIAS;
}

/** Whether a device is the node's end of a pod's cable, of any network. */
export function isPodLink({ ifname, ifalias, linkinfo }: Link): boolean {
  return linkinfo?.info_kind === 'veth' && isHostDeviceName(ifname) && isPodAlias(ifalias ?? '');
}

/**
 * Whether a device is weft's: a pod's, of any network, or a TUN device.
 *
 * @param tunDevice name of today's TUN device. One without an alias is from a daemon that died before it set it.
 */
export function isOwnLink(link: Link, tunDevice: string): boolean {
  const { ifname, ifalias } = link;
  if (isPodLink(link)) return true;
  return isOwnTun(link) || (ifname === tunDevice && isWeftKindOfTun(link) && ifalias === undefined);
}

/** Whether a process has the device open. */
export function isAttached({ linkinfo }: Link): boolean {
  return (linkinfo?.info_data?.numqueues ?? 0) > 0;
}

/**
 * Makes sure that no other daemon works in this network namespace: both would set the same routes and rules. One that uses
 * `tunDevice` is found when the device is opened, since it may be about to end.
 *
 * @throws ConflictError `daemon-running`
 */
export function refuseSecondDaemon(links: readonly Link[], tunDevice: string): void {
  const other = links.find((link) => link.ifname !== tunDevice && isOwnTun(link) && isAttached(link));
  if (other === undefined) return;
  const message = `another daemon of weft runs in this network namespace, with the device ${other.ifname}: there can be one`;
  throw new ConflictError('daemon-running', message, { device: other.ifname });
}

/** Another program's TUN device has another type, or no virtio header. */
function isWeftKindOfTun({ linkinfo }: Link): boolean {
  return linkinfo?.info_kind === 'tun' && linkinfo.info_data?.type === 'tun' && linkinfo.info_data.vnet_hdr === true;
}
