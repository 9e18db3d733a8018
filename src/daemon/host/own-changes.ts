/** Whether a change in the kernel may have taken something of weft's away, and what. Pure: what is looked at then, decides. */
import { NODE_TABLE, POD_ARP_TABLE, POD_TABLE, POLICY_TABLE, titleOf } from '../../linux/nftables.ts';
import { ROUTE_PROTOCOL } from '../../linux/iproute.ts';
import { Abi } from '../../linux/kernel-abi.ts';
import type { ChangedThing } from '../../linux/kernel-change.ts';
import { equalIpAddresses, formatIpAddress, parseIpAddress, type IpAddress } from '../../wire/address.ts';
import { formatPrefix, prefixCovers, type Prefix } from '../../wire/prefix.ts';
import { TUN_ALIAS } from './own-links.ts';
import { isPodAlias, isHostDeviceName, POD_GATEWAY } from './pod-devices.ts';

/** What is weft's on this node. */
export interface OwnThings {
  readonly tunDevice: string;
  /** Of the TUN device and of pods. */
  readonly mtuBytes: number;
  readonly nodeAddresses: readonly IpAddress[];
  readonly clusterPrefixes: readonly Prefix[];
}

/** Titles of the tables that are looked after. */
export const ownTables: readonly string[] = [NODE_TABLE, POD_TABLE, POD_ARP_TABLE, POLICY_TABLE].map(titleOf);

const gateways = [POD_GATEWAY[4], POD_GATEWAY[6]].map((text) => parseIpAddress(text)!);

/**
 * Whether it is worth a look. What weft does itself, as when a pod is added, mostly is not; what others do with what is
 * theirs never is, ten thousand routes of theirs neither.
 */
export function concernsUs(change: ChangedThing, own: OwnThings): boolean {
  if (change.kind === 'transaction') return false;
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

/** What an audit calls that which such a change may have taken away; `undefined`: nothing of weft's. */
export function subjectOf(change: ChangedThing, own: OwnThings): string | undefined {
  if (!concernsUs(change, own)) return undefined;
  switch (change.kind) {
    case 'link':
      return change.alias === TUN_ALIAS ? own.tunDevice : change.name;
    case 'table':
      // Both tables of pods are looked at as one.
      return change.table === titleOf(POD_ARP_TABLE) ? titleOf(POD_TABLE) : change.table;
    case 'address':
      return formatIpAddress(change.address);
    case 'route':
      return change.protocol === ROUTE_PROTOCOL ? formatPrefix(change.destination) : undefined;
    case 'transaction':
      break;
  }
  return undefined;
}

type LinkChange = Extract<ChangedThing, { kind: 'link' }>;

function isLinkWrong({ isGone, name, alias, mtuBytes, isUp }: LinkChange, own: OwnThings): boolean {
  const isTun = name === own.tunDevice || alias === TUN_ALIAS;
  const isPods = isHostDeviceName(name) || isPodAlias(alias);
  if (!isTun && !isPods) return false;
  if (isGone || !isUp || mtuBytes !== own.mtuBytes) return true;
  return isTun ? name !== own.tunDevice || alias !== TUN_ALIAS : !isHostDeviceName(name) || !isPodAlias(alias);
}
