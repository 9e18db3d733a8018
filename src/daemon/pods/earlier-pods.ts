/** `pods.json`: pods and leases as versions up to 0.2.0 stored them. What it says is taken over once, and the file is removed. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { WeftError } from '../../errors.ts';
import { parseLease, leaseKeyText, type Lease } from '../../ipam/lease.ts';
import type { StoredLease } from '../../ipam/lease-document.ts';
import { FileStore } from '../../linux/file-store.ts';
import { crc32 } from '../../wire/crc32.ts';
import { formatIpAddress, type IpAddress } from '../../wire/address.ts';
import { addressAt, parsePrefix } from '../../wire/prefix.ts';
import { parsePodRecord, type PodRecord } from './pod-record.ts';

/** Name of the file in the state directory. */
export const EARLIER_FILE = 'pods.json';

/** How many addresses before the one that was next are taken as freed: more than a node gives out within a minute. */
const MAX_FREED = 4_096;

/** Offset of the first address for a pod. */
const FIRST_OFFSET = 2;

export interface EarlierPods {
  readonly stored: readonly StoredLease<PodRecord>[];
  /** Addresses that were given out, and that nobody has now. When they were freed was not stored. Oldest first. */
  readonly freed: readonly IpAddress[];
  /** Of the content. */
  readonly checksum: string;
}

/** @throws WeftError `store-corrupt`; `undefined`: there is no such file. */
export function readEarlierPods(stateDir: string): EarlierPods | undefined {
  const document = new FileStore(join(stateDir, EARLIER_FILE)).load();
  if (document === undefined) return undefined;
  const { version, bootId, pods, leases: stored } = (document ?? {}) as Partial<Record<string, unknown>>;
  const { leases, cursors } = (stored ?? {}) as Partial<Record<string, unknown>>;
  if (version !== 1 || typeof bootId !== 'string' || !Array.isArray(pods) || !Array.isArray(leases)) throw corrupt();
  const byKey = new Map(leases.map((one) => parseLease(one) ?? throwCorrupt()).map((one) => [leaseKeyText(one), one]));
  return {
    stored: pods.map((pod): StoredLease<PodRecord> => {
      const known = parsePodRecord(pod) ?? throwCorrupt();
      const lease = byKey.get(leaseKeyText({ network: known.network, pod: known.name })) ?? throwCorrupt();
      return { lease, known, bootId };
    }),
    freed: freedBefore((cursors ?? {}) as Readonly<Record<string, unknown>>, [...byKey.values()]),
    checksum: crc32(JSON.stringify(document)).toString(16),
  };
}

/** Removes the file, now that what it says is stored elsewhere. One that cannot be removed now is the next time. */
export function removeEarlierPods(stateDir: string): void {
  try {
    rmSync(join(stateDir, EARLIER_FILE), { force: true });
  } catch {
    // Its checksum is known: it will not be taken for news.
  }
}

/** Addresses were given out in turn, up to a cursor: those before it that nobody has were freed some time ago. */
function freedBefore(cursors: Readonly<Record<string, unknown>>, leases: readonly Lease[]): IpAddress[] {
  const held = new Set(leases.flatMap(({ addresses }) => addresses.map(formatIpAddress)));
  return Object.entries(cursors).flatMap(([text, cursor]) => {
    const prefix = parsePrefix(text);
    if (prefix === undefined || !Number.isSafeInteger(cursor) || (cursor as number) < FIRST_OFFSET) return [];
    const first = Math.max(FIRST_OFFSET, (cursor as number) - MAX_FREED);
    const offsets = Array.from({ length: (cursor as number) - first }, (_, index) => first + index);
    return offsets.flatMap((offset) => {
      const address = addressAt(prefix, offset);
      return address === undefined || held.has(formatIpAddress(address)) ? [] : [address];
    });
  });
}

function throwCorrupt(): never {
  throw corrupt();
}

function corrupt(): WeftError {
  const message = `${EARLIER_FILE} in the state directory is not what weft stores: restore it, or run "weft reset"`;
  return new WeftError('store-corrupt', message);
}
