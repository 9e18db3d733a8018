/** `weft ipam check`: the journal against pods, and both against the kernel; and what is weft's is put right. */
import { deviceNames } from '../../linux/device-names.ts';
import { ipRemove } from '../../linux/iproute.ts';
import { listLinks } from '../../linux/link.ts';
import { deleteRouteLine, listRoutes } from '../../linux/route.ts';
import type { Prefix } from '../../wire/prefix.ts';
import type { Inspection } from '../audit/audit-finding.ts';
import type { LeaseCheck } from '../../api/ipam-api.ts';
import { leaseFindings, strayPodRoutes, type FoundLease, type LeaseFacts } from './lease-findings.ts';
import type { PodBook } from './pod-book.ts';
import { hasHostEnd } from './pod-inspection.ts';
import { isPlaceReachable } from './pod-namespace.ts';
import { strayLinks } from './pod-reconciliation.ts';
import type { PodRecord } from './pod-record.ts';
import { disconnectPod, type PodCable } from './pod-wiring.ts';

/** What is checked, and how it is put right. Nothing else may change pods meanwhile. */
export interface CheckedPods {
  readonly book: PodBook;
  readonly cableOf: (record: PodRecord) => PodCable;
  readonly networkName: string;
  readonly prefixes: readonly Prefix[];
  readonly inspect: () => Promise<Inspection>;
  readonly repair: () => Promise<void>;
  /** Removes all of a pod, and frees its addresses. @throws WeftError `store-failed`, and nothing was removed. */
  readonly erase: (record: PodRecord) => Promise<void>;
}

/** @param repairs whether to put right what is weft's own, as far as that can be done. */
export async function checkLeases(pods: CheckedPods, repairs: boolean): Promise<LeaseCheck> {
  const facts = await readFacts(pods);
  const found = leaseFindings(facts);
  if (repairs && found.length > 0) await repair(pods, facts);
  const left = repairs && found.length > 0 ? leaseFindings(await readFacts(pods)) : found;
  const isLeft = (one: FoundLease): boolean =>
    left.some(({ problem, subject }) => problem === one.problem && subject === one.subject);
  return {
    compared: {
      leases: facts.pods.length,
      devices: facts.links.length,
      routes: facts.routes.length,
      namespaces: facts.pods.filter(({ isReachable }) => isReachable).length,
    },
    findings: found.map((one) => ({ ...one, repaired: !isLeft(one) })),
    remaining: found.filter(isLeft).length,
  };
}

async function readFacts({ book, cableOf, networkName, prefixes, inspect }: CheckedPods): Promise<LeaseFacts> {
  const [links, routes, { findings }] = await Promise.all([listLinks(), listRoutes('ours'), inspect()]);
  const devices = deviceNames();
  const pods = book.all().map((record) => {
    const isReachable = isPlaceReachable(record);
    const isGone = !isReachable && !devices.has(record.hostDevice) && !hasHostEnd(cableOf(record), { links });
    return { record, addresses: book.addressesOf(record), isGone, isReachable };
  });
  const strays = strayLinks(links, networkName, book.all()).map(({ ifname }) => ifname);
  const trouble = book.damage() ?? book.behind;
  return { pods, journal: { file: book.journal.file, trouble }, links, routes, prefixes, strays, audited: findings };
}

/** What one step cannot do keeps no other from being done: the next look tells. */
async function repair(pods: CheckedPods, facts: LeaseFacts): Promise<void> {
  const { book, erase } = pods;
  const over = facts.pods.filter(({ record, isGone }) => record.phase !== 'ready' || isGone);
  const strayRoutes = strayPodRoutes(facts);
  const steps: (() => unknown)[] = [
    ...(facts.journal.trouble === undefined ? [] : [() => book.save()]),
    ...over.map(
      ({ record }) =>
        () =>
          erase(record),
    ),
    ...facts.strays.map((device) => () => disconnectPod(device, device)),
    ...(strayRoutes.length === 0
      ? []
      : [() => ipRemove(strayRoutes.map(deleteRouteLine), { purpose: 'remove routes to addresses that no pod has' })]),
    ...(facts.audited.length === 0 ? [] : [() => pods.repair()]),
  ];
  for (const step of steps) {
    try {
      await step();
    } catch {
      // It is found again.
    }
  }
}
