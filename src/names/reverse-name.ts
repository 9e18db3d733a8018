/**
 * Names of addresses: `7.2.244.10.in-addr.arpa` (RFC 1035, section 3.5) and 32 digits before `ip6.arpa` (RFC 3596, section 2.5).
 *
 * A label is a unit of the address: an octet of IPv4, four bits of IPv6. Names with fewer labels stand for a prefix.
 */
import type { IpAddress } from '../wire/address.ts';
import { prefixCovers, type Prefix } from '../wire/prefix.ts';
import { labelsBefore } from './domain-name.ts';

const REVERSE = {
  4: { suffix: ['in-addr', 'arpa'], unitBits: 8, units: 4, unit: /^(?:0|[1-9][0-9]{0,2})$/, radix: 10 },
  6: { suffix: ['ip6', 'arpa'], unitBits: 4, units: 32, unit: /^[0-9a-f]$/, radix: 16 },
} as const;

/** A name of an address or of a prefix that lies in the cluster. */
export interface ReverseName {
  /** `undefined`: of a prefix, or no name at all. */
  readonly address: IpAddress | undefined;
  /** Whether it is well-formed: what lies below the name of a cluster prefix may be anything. */
  readonly isName: boolean;
  /** The zone that it is in, as labels: of the cluster prefix, at the next end of a label. */
  readonly zone: readonly string[];
}

/** What `labels`, in lower case, mean; `undefined`: nothing of the cluster, as far as the name tells. */
export function parseReverseName(
  labels: readonly string[],
  clusterPrefixes: readonly Prefix[],
): ReverseName | undefined {
  for (const family of [4, 6] as const) {
    const units = labelsBefore(labels, REVERSE[family].suffix);
    if (units !== undefined) return reverseNameOf(family, units.toReversed(), clusterPrefixes);
  }
  return undefined;
}

/** @param labels from the first unit of the address on. */
function reverseNameOf(
  family: 4 | 6,
  labels: readonly string[],
  clusterPrefixes: readonly Prefix[],
): ReverseName | undefined {
  const { unit, units, unitBits, radix, suffix } = REVERSE[family];
  const bytes = new Uint8Array((units * unitBits) / 8);
  // Of a name that is none, what comes before the wrong label decides whose it is.
  let known = 0;
  while (known < Math.min(labels.length, units) && unit.test(labels[known]!)) {
    const value = Number.parseInt(labels[known]!, radix);
    if (value >= 1 << unitBits) break;
    const bit = known * unitBits;
    bytes[bit >> 3]! |= value << (8 - unitBits - (bit & 7));
    known++;
  }
  const named: Prefix = { address: { family, bytes }, lengthBits: known * unitBits };
  const cluster = clusterPrefixes.find((prefix) => prefixCovers(prefix, named));
  if (cluster === undefined) return undefined;
  const zoneUnits = Math.ceil(cluster.lengthBits / unitBits);
  const isName = known === labels.length;
  return {
    address: isName && known === units ? named.address : undefined,
    isName,
    zone: [...labels.slice(0, zoneUnits).toReversed(), ...suffix],
  };
}
