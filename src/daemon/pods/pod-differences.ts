/** What is other about a pod than somebody wants, who adds it once more. */
import { formatIpAddress, type IpAddress } from '../../wire/address.ts';
import { formatPrefix } from '../../wire/prefix.ts';
import { POD_DEVICE } from './pod-key.ts';
import type { PodPlace } from './pod-namespace.ts';
import type { PodRecord } from './pod-record.ts';
import type { PodWish } from './pod-request.ts';
import { equalTextSets } from '../../ipam/text-set.ts';

/** A pod that is there. */
export interface KnownPod {
  readonly record: PodRecord;
  readonly addresses: readonly IpAddress[];
  /** Its cable is not there any more. */
  readonly isGone: boolean;
}

/** In the words of "pod web exists with …". Empty: it is what is wanted, but for labels, which may change. */
export function podDifferences({ record, addresses, isGone }: KnownPod, wish: PodWish, place: PodPlace): string[] {
  // A namespace that was made anew under the same name is the same request again.
  const sameNetns = place.netnsIdentity === record.netnsIdentity || (isGone && place.netns === record.netns);
  const present = addresses.map(formatIpAddress);
  const allowed = record.allowSources ?? [];
  return [
    ...(wish.newNetns === record.ownsNetns && sameNetns ? [] : [`another network namespace, ${record.netns}`]),
    ...(wish.addresses === undefined || equalTextSets(present, wish.addresses.map(formatIpAddress))
      ? []
      : [`the addresses ${present.join(', ')}`]),
    ...(wish.allowSources === undefined || equalTextSets(allowed, wish.allowSources.map(formatPrefix))
      ? []
      : [allowed.length === 0 ? 'no allowed sources' : `the allowed sources ${allowed.join(', ')}`]),
    ...(wish.device === undefined || wish.device === (record.device ?? POD_DEVICE)
      ? []
      : [`the interface ${record.device ?? POD_DEVICE}`]),
    ...(wish.mac === undefined || wish.mac === record.mac ? [] : [`the MAC address ${record.mac}`]),
  ];
}
