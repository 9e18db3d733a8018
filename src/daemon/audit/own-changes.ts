/** Whether a change in the kernel may have taken something of weft's away. Pure: what is looked at then, decides. */
import { POD_ARP_TABLE, POD_TABLE, NODE_TABLE, titleOf } from '../../linux/nftables.ts';
import { ROUTE_PROTOCOL } from '../../linux/iproute.ts';
import { Abi } from '../../linux/kernel-abi.ts';
import type { KernelChange } from '../../linux/kernel-change.ts';
import { equalIpAddresses, parseIpAddress, type IpAddress } from '../../wire/address.ts';
import { prefixCovers, type Prefix } from '../../wire/prefix.ts';
import { isPodAlias, TUN_ALIAS } from '../own-links.ts';
import { isHostDeviceName } from '../pods/pod-record.ts';
import { POD_GATEWAY } from '../pods/pod-wiring.ts';

/** What is weft's on this node. */
export interface OwnThings {
  readonly tunDevice: string;
  /** Of the TUN device and of pods. */
  readonly mtuBytes: number;
  readonly nodeAddresses: readonly IpAddress[];
  readonly clusterPrefixes: readonly Prefix[];
}

const ownTables: readonly string[] = [NODE_TABLE, POD_TABLE, POD_ARP_TABLE].map(titleOf);
const gateways = [POD_GATEWAY[4], POD_GATEWAY[6]].map((text) => parseIpAddress(text)!);

/**
 * Whether it is worth a look. What weft does itself, as when a pod is added, mostly is not; what others do with what is
 * theirs never is, ten thousand routes of theirs neither.
 */
export function concernsUs(change: KernelChange, own: OwnThings): boolean {
  if (change.kind === 'link') return isLinkWrong(change, own);
  if (change.kind === 'table') return ownTables.includes(change.table) && !change.isElementAdded;
  if (change.kind === 'address') {
    const { isGone, address } = change;
    return isGone && [...own.nodeAddresses, ...gateways].some((ours) => equalIpAddresses(ours, address));
  }
  if (change.table !== Abi.RT_TABLE_MAIN) return false;
  if (change.protocol === ROUTE_PROTOCOL) return change.isGone || change.isReplacement;
  // In the place of ours, or in its way; or out of its way again.
  return own.clusterPrefixes.some((prefix) => prefixCovers(prefix, change.destination));
}

type LinkChange = Extract<KernelChange, { kind: 'link' }>;

function isLinkWrong({ isGone, name, alias, mtuBytes, isUp }: LinkChange, own: OwnThings): boolean {
  const isTun = name === own.tunDevice || alias === TUN_ALIAS;
  const isPods = isHostDeviceName(name) || isPodAlias(alias);
  if (!isTun && !isPods) return false;
  if (isGone || !isUp || mtuBytes !== own.mtuBytes) return true;
  return isTun ? name !== own.tunDevice || alias !== TUN_ALIAS : !isHostDeviceName(name) || !isPodAlias(alias);
}
