/** Which pod of a node has an address, or routes it. */
import { formatIpAddress, type IpAddress } from '../../wire/address.ts';
import { parsePrefix, prefixContains } from '../../wire/prefix.ts';
import type { Pod } from '../../api/control-api.ts';

export interface PodHolder {
  readonly pod: Pod;
  /** The prefix that the address is in, if it lies behind the pod; empty: it is the pod's own. */
  readonly behind: string;
}

/** `undefined`: none of them. */
export function holderAmong(pods: readonly Pod[], address: IpAddress): PodHolder | undefined {
  const text = formatIpAddress(address);
  const own = pods.find(({ addresses }) => addresses.includes(text));
  if (own !== undefined) return { pod: own, behind: '' };
  for (const pod of pods) {
    const behind = pod.allowSources.find((prefix) => {
      const parsed = parsePrefix(prefix);
      return parsed !== undefined && prefixContains(parsed, address);
    });
    if (behind !== undefined) return { pod, behind };
  }
  return undefined;
}
