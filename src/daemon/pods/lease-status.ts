/** Leases, counted: what `weft ipam status` shows. */
import { leaseKeyText } from '../../ipam/lease.ts';
import { formatIpAddress } from '../../wire/address.ts';
import { formatPrefix } from '../../wire/prefix.ts';
import type { IpamStatus, PoolCounts } from '../../api/ipam-api.ts';
import type { PodBook } from './pod-book.ts';
import { leaseKeyOfPod, titleOf } from './pod-key.ts';
import type { PodRecord } from './pod-record.ts';

/** @param gone pods that are gone. */
export function leaseStatus(book: PodBook, gone: readonly PodRecord[]): IpamStatus {
  const goneKeys = new Set(gone.map((record) => leaseKeyText(leaseKeyOfPod(record))));
  const pools = book.usage().map(({ prefix, size, leases, used, free, cooling }) => ({
    prefix: formatPrefix(prefix),
    family: prefix.address.family,
    size,
    used,
    free,
    cooling,
    gone: leases.filter((lease) => goneKeys.has(leaseKeyText(lease))).length,
  }));
  const families = [...new Set(pools.map(({ family }) => family))];
  return {
    pools,
    families: families.map((family) => sumOf(family, pools)),
    outside: book.all().flatMap((record) => book.addressesOutside(record).map(formatIpAddress)),
    gone: gone.map(titleOf),
    journal: { ...book.journal, behind: book.behind ?? null },
  };
}

function sumOf(family: 4 | 6, pools: readonly PoolCounts[]): PoolCounts {
  const of = pools.filter((pool) => pool.family === family);
  const sum = (key: Exclude<keyof PoolCounts, 'family'>): number => of.reduce((total, pool) => total + pool[key], 0);
  return {
    family,
    size: sum('size'),
    used: sum('used'),
    free: sum('free'),
    cooling: sum('cooling'),
    gone: sum('gone'),
  };
}
