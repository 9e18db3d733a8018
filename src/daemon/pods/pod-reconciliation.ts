/** What an earlier run left, against what is there now. */
import { readBootId } from '../../linux/boot-id.ts';
import type { Link } from '../../linux/link.ts';
import type { Notice } from '../../api/control-api.ts';
import { hasHostEnd, isHostEndFurnished, isPodEndFurnished, type HostState } from './pod-inspection.ts';
import { isPlaceReachable } from './pod-namespace.ts';
import type { PodRecord } from './pod-record.ts';
import { hostDeviceAlias, isHostDeviceName } from '../host/pod-devices.ts';
import type { PodCable } from './pod-wiring.ts';

/** What was found of an earlier run. By name of the pod. */
export interface ReconcileReport {
  readonly kept: readonly string[];
  readonly repaired: readonly string[];
  /** Forgotten, and its addresses free again, because of `reason`. */
  readonly gone: readonly { readonly name: string; readonly reason: string }[];
  /** Still known, but something is missing and could not be put back. */
  readonly failed: readonly { readonly name: string; readonly reason: string }[];
  /** Devices of ours that belonged to no pod we know. */
  readonly removedLinks: readonly string[];
}

/** A report that is being written. */
export type ReportDraft = { -readonly [Key in keyof ReconcileReport]: ReconcileReport[Key][number][] };

/** What is to be done about a pod. */
export type PodFinding =
  { readonly kind: 'keep' } | { readonly kind: 'repair' } | { readonly kind: 'forget'; readonly reason: string };

/** Looks at one pod and changes nothing. */
export async function examinePod(
  record: PodRecord,
  cable: PodCable,
  host: HostState,
  storedBootId: string | undefined,
): Promise<PodFinding> {
  const reason = whyGone(record, hasHostEnd(cable, host), storedBootId);
  if (reason !== undefined) return { kind: 'forget', reason };
  const seen = withoutRefusedIpv6(cable, record.notices);
  // The file may be gone while the namespace lives on in a process. Its inside is then out of reach.
  const isFurnished = isHostEndFurnished(seen, host) && (!isPlaceReachable(record) || (await isPodEndFurnished(seen)));
  return { kind: isFurnished ? 'keep' : 'repair' };
}

/** Nodes' ends of ours that belong to no pod. */
export function strayLinks(links: readonly Link[], network: string, records: readonly PodRecord[]): readonly Link[] {
  const known = new Set(records.map(({ hostDevice }) => hostDevice));
  const alias = hostDeviceAlias(network, '');
  return links.filter(
    ({ ifname, ifalias }) => ifalias?.startsWith(alias) === true && isHostDeviceName(ifname) && !known.has(ifname),
  );
}

function whyGone(record: PodRecord, hasHostEnd: boolean, storedBootId: string | undefined): string | undefined {
  if (record.phase === 'adding') return 'its add was not finished';
  if (record.phase === 'removing') return 'its removal was not finished';
  // A pair lives as long as both its namespaces.
  if (hasHostEnd) return undefined;
  if (storedBootId !== readBootId()) return 'the machine was rebooted';
  return isPlaceReachable(record) ? undefined : 'its network namespace is gone';
}

/** Without the family that the pod could not have when it was connected, so that it does not count as missing. */
export function withoutRefusedIpv6(cable: PodCable, notices: readonly Notice[]): PodCable {
  if (!notices.some(({ code }) => code === 'pod-ipv6-disabled')) return cable;
  return {
    ...cable,
    addresses: cable.addresses.filter(({ family }) => family === 4),
    allowSources: cable.allowSources.filter(({ address }) => address.family === 4),
  };
}
