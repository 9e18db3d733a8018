/** Leases against what the node's kernel has, as far as the audit of pods does not compare it. */
import type { Link } from '../../linux/link.ts';
import type { KernelRoute } from '../../linux/route.ts';
import { formatIpAddress, parseIpAddress, type IpAddress } from '../../wire/address.ts';
import { prefixContains, type Prefix } from '../../wire/prefix.ts';
import type { Finding } from '../audit/audit-finding.ts';
import type { LeaseFinding } from '../../api/ipam-api.ts';
import { titleOf } from './pod-key.ts';
import type { PodRecord } from './pod-record.ts';

/** Before one knows whether it can be repaired. */
export type FoundLease = Omit<LeaseFinding, 'repaired'>;

/** A pod, and what was seen of it. */
export interface LeasedPod {
  readonly record: PodRecord;
  readonly addresses: readonly IpAddress[];
  /** Neither its device nor its namespace is there. */
  readonly isGone: boolean;
  /** Whether the file of its namespace stands for its namespace. */
  readonly isReachable: boolean;
}

/** What is compared. */
export interface LeaseFacts {
  readonly pods: readonly LeasedPod[];
  /** Why what is stored is not what is known; `undefined`: it is. */
  readonly journal: { readonly file: string; readonly trouble: string | undefined };
  readonly links: readonly Link[];
  /** Ours. */
  readonly routes: readonly KernelRoute[];
  /** Of the node. */
  readonly prefixes: readonly Prefix[];
  /** Names of weft's devices that belong to no pod. */
  readonly strays: readonly string[];
  /** What the audit finds of pods. */
  readonly audited: readonly Finding[];
}

/** Everything that does not agree. */
export function leaseFindings(facts: LeaseFacts): FoundLease[] {
  const { journal, pods, strays, audited, routes } = facts;
  return [
    ...(journal.trouble === undefined
      ? []
      : [{ problem: 'journal', subject: journal.file, message: journal.trouble } as const]),
    ...pods.flatMap(podFindings),
    ...audited.map(({ subject, message }): FoundLease => ({ problem: 'missing', subject, message })),
    ...strays.map((device): FoundLease => ({
      problem: 'leak',
      subject: device,
      message: `the device ${device} belongs to no pod`,
    })),
    ...routes.flatMap((route) => routeFinding(route, facts)),
    ...addressesElsewhere(facts),
  ];
}

/** Routes of ours to an address for pods that no pod has, or another pod. */
export function strayPodRoutes({
  routes,
  pods,
  prefixes,
}: Pick<LeaseFacts, 'routes' | 'pods' | 'prefixes'>): KernelRoute[] {
  return routes.filter(({ type, dst, dev, gateway }) => {
    const address = parseIpAddress(dst);
    if (type !== 'unicast' || dev === undefined || gateway !== undefined || address === undefined) return false;
    if (!prefixes.some((prefix) => prefixContains(prefix, address))) return false;
    return !pods.some(({ record, addresses }) => record.hostDevice === dev && hasAddress(addresses, dst));
  });
}

function podFindings({ record, addresses, isGone, isReachable }: LeasedPod): FoundLease[] {
  const { phase, netns } = record;
  const title = titleOf(record);
  const whose = `pod ${title}, which has ${addresses.map(formatIpAddress).join(', ')},`;
  const finding = (problem: FoundLease['problem'], what: string): FoundLease[] => [
    { problem, subject: title, message: `${whose} ${what}` },
  ];
  if (phase === 'adding') return finding('unfinished', 'was not added to the end');
  if (phase === 'removing') return finding('unfinished', 'was not removed to the end');
  if (isGone) return finding('gone', `is gone: its network namespace ${netns} is not there any more`);
  // The device lives as long as the namespace does.
  return isReachable ? [] : finding('unknown', `cannot be looked into: ${netns} is not its network namespace any more`);
}

function routeFinding(route: KernelRoute, facts: LeaseFacts): FoundLease[] {
  if (strayPodRoutes({ ...facts, routes: [route] }).length === 0) return [];
  const { dst, dev } = route;
  const holder = facts.pods.find(({ addresses }) => hasAddress(addresses, dst));
  if (holder === undefined)
    return [
      { problem: 'leak', subject: dst, message: `there is a route to ${dst} by ${dev}, and no pod has that address` },
    ];
  const { hostDevice } = holder.record;
  const message = `there is a route to ${dst} by ${dev}, and pod ${titleOf(holder.record)} with that address is behind ${hostDevice}`;
  return [{ problem: 'double', subject: dst, message }];
}

/** Addresses of pods that a device of the node has. */
function addressesElsewhere({ links, pods }: LeaseFacts): FoundLease[] {
  return links.flatMap(({ ifname, addr_info }) =>
    addr_info.flatMap(({ local }): FoundLease[] => {
      const holder = pods.find(({ addresses }) => hasAddress(addresses, local));
      if (holder === undefined) return [];
      const message = `the device ${ifname} of the node has ${local}, which is leased to pod ${titleOf(holder.record)}`;
      return [{ problem: 'double', subject: local, message }];
    }),
  );
}

function hasAddress(addresses: readonly IpAddress[], text: string): boolean {
  return addresses.some((address) => formatIpAddress(address) === text);
}
