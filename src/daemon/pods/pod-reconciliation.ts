/** What an earlier run left, against what is there now. */
import { deviceNames } from '../../linux/device-names.ts';
import { listLinks, type Link } from '../../linux/link.ts';
import { listRoutes } from '../../linux/route.ts';
import type { Notice } from '../../api/control-api.ts';
import type { PodBook } from './pod-book.ts';
import { hasHostEnd, isHostEndFurnished, isPodEndFurnished, type HostState } from './pod-inspection.ts';
import { isPlaceReachable } from './pod-namespace.ts';
import { titleOf } from './pod-key.ts';
import type { PodRecord } from './pod-record.ts';
import { hostDeviceAlias, isHostDeviceName } from '../host/pod-devices.ts';
import { disconnectPod, type PodCable } from './pod-wiring.ts';

/** What was found of an earlier run. By what pods are called. */
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
type ReportDraft = { -readonly [Key in keyof ReconcileReport]: ReconcileReport[Key][number][] };

/** What is to be done about a pod. */
type PodFinding =
  { readonly kind: 'keep' } | { readonly kind: 'repair' } | { readonly kind: 'forget'; readonly reason: string };

/** What is reconciled, and by which means. Nothing else may change pods meanwhile. */
export interface ReconciledPods {
  readonly book: PodBook;
  readonly networkName: string;
  readonly cableOf: (record: PodRecord) => PodCable;
  readonly repair: (record: PodRecord) => Promise<unknown>;
  /** Removes all of a pod, and frees its addresses. */
  readonly erase: (record: PodRecord) => Promise<void>;
}

/** Makes what is stored and what is there agree. */
export async function reconcilePods(pods: ReconciledPods): Promise<ReconcileReport> {
  const { book, networkName } = pods;
  // What the last run left may not be on the disk yet: first it is, then it is acted upon.
  book.flush();
  const [links, routes] = await Promise.all([listLinks(), listRoutes('ours')]);
  const report: ReportDraft = { kept: [], repaired: [], gone: [], failed: [], removedLinks: [] };
  for (const record of book.all()) {
    try {
      await reconcilePod(record, { links, routes }, pods, report);
    } catch (error) {
      report.failed.push({ name: titleOf(record), reason: (error as Error).message });
    }
  }
  const devices = deviceNames();
  for (const { ifname, ifalias = '' } of strayLinks(links, networkName, book.all())) {
    if (!devices.has(ifname)) continue;
    await disconnectPod(ifalias, ifname);
    report.removedLinks.push(ifname);
  }
  book.flush();
  return report;
}

async function reconcilePod(
  record: PodRecord,
  host: HostState,
  pods: ReconciledPods,
  report: ReportDraft,
): Promise<void> {
  const { book, cableOf, repair, erase } = pods;
  const finding = await examinePod(record, cableOf(record), host, book.isOfThisBoot(record));
  if (finding.kind === 'keep') {
    book.keep(record);
    report.kept.push(titleOf(record));
  } else if (finding.kind === 'repair') {
    await repair(record);
    report.repaired.push(titleOf(record));
  } else {
    await erase(record);
    report.gone.push({ name: titleOf(record), reason: finding.reason });
  }
}

/** Looks at one pod and changes nothing. */
async function examinePod(
  record: PodRecord,
  cable: PodCable,
  host: HostState,
  /** Whether the pod was seen to be there in this boot of the machine. */
  isOfThisBoot: boolean,
): Promise<PodFinding> {
  const reason = whyGone(record, hasHostEnd(cable, host), isOfThisBoot);
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

function whyGone(record: PodRecord, hasHostEnd: boolean, isOfThisBoot: boolean): string | undefined {
  if (record.phase === 'adding') return 'its add was not finished';
  if (record.phase === 'removing') return 'its removal was not finished';
  // A pair lives as long as both its namespaces.
  if (hasHostEnd) return undefined;
  if (!isOfThisBoot) return 'the machine was rebooted';
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
