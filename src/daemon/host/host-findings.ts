/** What the kernel has of the node's end of the overlay, against what it should have. */
import { ROUTE_PROTOCOL } from '../../linux/iproute.ts';
import { addressesOf, type Link } from '../../linux/link.ts';
import { NODE_TABLE, titleOf } from '../../linux/nftables.ts';
import type { KernelRoute } from '../../linux/route.ts';
import { formatIpAddress, type IpAddress } from '../../wire/address.ts';
import { formatPrefix, type Prefix } from '../../wire/prefix.ts';
import type { Finding, Inspection } from '../audit/audit-finding.ts';
import type { WrongSysctl } from './node-sysctls.ts';
import { isAttached, isOwnTun, TUN_ALIAS } from './own-links.ts';
import { isHostDeviceName } from './pod-devices.ts';
import { overlapNotices } from './route-overlap.ts';

/** A route that we want. */
export interface WantedRoute {
  readonly type: 'unicast' | 'blackhole' | 'unreachable';
  readonly prefix: Prefix;
  readonly metric: number;
  /** Absent: the kernel says what the device of such a route is. */
  readonly device?: { readonly name: string; readonly source: IpAddress | undefined };
}

/** What the kernel should have. */
export interface WantedHost {
  readonly tunDevice: string;
  readonly mtuBytes: number;
  readonly clusterPrefixes: readonly Prefix[];
  /** In the form `10.244.1.1/32`. */
  readonly addresses: readonly string[];
  readonly routes: readonly WantedRoute[];
}

/** What it has. */
export interface FoundHost {
  readonly links: readonly Link[];
  /** All of the main table. */
  readonly routes: readonly KernelRoute[];
  /** Whether our table of nftables is there, and as it was left. */
  readonly rules: 'ours' | 'changed' | 'missing';
  readonly sysctls: readonly WrongSysctl[];
}

/** Compares. Routes of others that stand in the way are foreign; pods' devices and routes are not looked at. */
export function hostFindings(wanted: WantedHost, found: FoundHost): Inspection {
  const link = found.links.find(({ ifname }) => ifname === wanted.tunDevice);
  const renamed = found.links.find((other) => isOwnTun(other) && isAttached(other));
  const findings = [
    ...linkFindings(wanted, link, renamed),
    ...routeFindings(wanted.routes, found.routes),
    ...ruleFindings(found.rules),
    ...found.sysctls.map(sysctlFinding),
    ...overlapNotices(wanted.clusterPrefixes, found.routes, wanted.tunDevice).map(({ subject, message }): Finding => {
      return { problem: 'foreign', subject, message };
    }),
  ];
  return { entries: wanted.addresses.length + wanted.routes.length, findings };
}

export function sysctlFinding({ title, wanted, found }: WrongSysctl): Finding {
  return { problem: 'wrong', subject: title, message: `${title} is ${found}, and not ${wanted}` };
}

/** Routes of ours that are not wanted; those of pods are others' business. */
export function staleRoutes(wanted: readonly WantedRoute[], present: readonly KernelRoute[]): KernelRoute[] {
  const keys = new Set(wanted.map(wantedKey));
  return present.filter(
    (route) => route.protocol === ROUTE_PROTOCOL && !isHostDeviceName(route.dev ?? '') && !keys.has(presentKey(route)),
  );
}

/** Wanted routes that are missing, or lead elsewhere than they should. */
export function differingRoutes(wanted: readonly WantedRoute[], present: readonly KernelRoute[]): WantedRoute[] {
  const ours = oursByKey(present);
  return wanted.filter((route) => {
    const other = ours.get(wantedKey(route));
    return other === undefined || wrongWay(route, other) !== undefined;
  });
}

function linkFindings(
  { tunDevice, mtuBytes, addresses }: WantedHost,
  link: Link | undefined,
  renamed: Link | undefined,
): Finding[] {
  if (link === undefined) {
    const what = renamed === undefined ? 'is gone: somebody deleted it' : `was renamed to ${renamed.ifname}`;
    return [{ problem: 'missing', subject: tunDevice, message: `the device ${tunDevice} ${what}` }];
  }
  const wrong = (message: string): Finding => ({ problem: 'wrong', subject: tunDevice, message });
  const present = addressesOf(link);
  // A worker opens another one at once; nobody but the audit sets it up.
  if (link.ifalias === undefined && !link.flags.includes('UP') && present.length === 0)
    return [wrong(`somebody deleted the device ${tunDevice}: the one in its place is not set up`)];
  return [
    ...(link.flags.includes('UP') ? [] : [wrong(`the device ${tunDevice} is down`)]),
    ...(link.mtu === mtuBytes ? [] : [wrong(`the MTU of ${tunDevice} is ${link.mtu}, and not ${mtuBytes}`)]),
    ...(link.ifalias === TUN_ALIAS ? [] : [wrong(`the alias of ${tunDevice} is not ${TUN_ALIAS}`)]),
    ...addresses
      .filter((address) => !present.includes(address))
      .map((subject): Finding => ({ problem: 'missing', subject, message: `${tunDevice} lacks ${subject}` })),
    ...present
      .filter((address) => !addresses.includes(address))
      .map((subject): Finding => ({ problem: 'stale', subject, message: `${tunDevice} has ${subject}` })),
  ];
}

function routeFindings(wanted: readonly WantedRoute[], present: readonly KernelRoute[]): Finding[] {
  const ours = oursByKey(present);
  const findings = wanted.flatMap((route): Finding[] => {
    const subject = formatPrefix(route.prefix);
    const key = wantedKey(route);
    const other = ours.get(key);
    if (other === undefined) return [{ problem: 'missing', subject, message: `the route ${key} is gone` }];
    const way = wrongWay(route, other);
    return way === undefined ? [] : [{ problem: 'wrong', subject, message: `the route ${key} is ${way}` }];
  });
  const stale = staleRoutes(wanted, present).map((route): Finding => {
    const message = `the route ${presentKey(route)}, of an earlier configuration or another program, has weft's number`;
    return { problem: 'stale', subject: route.dst, message };
  });
  return [...findings, ...stale];
}

function oursByKey(present: readonly KernelRoute[]): ReadonlyMap<string, KernelRoute> {
  return new Map(
    present.filter(({ protocol }) => protocol === ROUTE_PROTOCOL).map((route) => [presentKey(route), route]),
  );
}

/** Where a route leads, if that is not where it should. */
function wrongWay({ device }: WantedRoute, other: KernelRoute): string | undefined {
  if (device === undefined) return undefined;
  const is = describeWay(other.dev, other.source);
  const should = describeWay(device.name, device.source && formatIpAddress(device.source));
  return is === should ? undefined : `${is}, and not ${should}`;
}

function ruleFindings(rules: FoundHost['rules']): Finding[] {
  const subject = titleOf(NODE_TABLE);
  if (rules === 'ours') return [];
  if (rules === 'missing') return [{ problem: 'missing', subject, message: `the nftables table ${subject} is gone` }];
  return [{ problem: 'wrong', subject, message: `somebody changed the nftables table ${subject}` }];
}

function wantedKey({ type, prefix, metric }: WantedRoute): string {
  return `${type} ${formatPrefix(prefix)} metric ${metric}`;
}

function presentKey({ type, dst, family, metric }: KernelRoute): string {
  return `${type} ${dst}${dst.includes('/') ? '' : `/${family === 4 ? 32 : 128}`} metric ${metric}`;
}

function describeWay(device: string | undefined, source: string | undefined): string {
  return `dev ${device ?? 'none'}${source === undefined ? '' : ` src ${source}`}`;
}
