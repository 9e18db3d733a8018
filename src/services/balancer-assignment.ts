/**
 * Which addresses of a load balancer a Service of that type gets, out of the pools of the cluster. Who has some keeps them, as long as they are
 * what the service asks for. Several services share an address if they say so, and no packet could be for two of them.
 */
import type { Random } from '../env/random.ts';
import { ConfigError, ConflictError, ExhaustedError } from '../errors.ts';
import { equalIpAddresses, formatIpAddress, type IpAddress } from '../wire/address.ts';
import { type AddressPool, offeredAt, offeredBy, poolContains } from './address-pool.ts';
import { drawn } from './draw.ts';
import { serviceKey } from './service-planner.ts';
import type { ShownService } from './service-record.ts';

/** What a service of type LoadBalancer has and wants. */
export type BalancedService = Pick<
  ShownService,
  | 'namespace'
  | 'name'
  | 'ports'
  | 'selector'
  | 'externalTraffic'
  | 'loadBalancerAddresses'
  | 'wantedBalancerAddresses'
  | 'sharingKey'
>;

export interface BalancerMeans {
  readonly pools: readonly AddressPool[];
  /** All other services with addresses of a load balancer. */
  readonly others: readonly BalancedService[];
  /** What hosts have themselves: no service gets it. */
  readonly hosts: readonly IpAddress[];
  readonly random: Random;
}

/** By which `loadBalancerClass` a service asks for an address of weft. */
export const BALANCER_CLASS = 'weft.dev/load-balancer';

/** Whether weft gives a service addresses of a load balancer, if it has any to give. */
export function isBalanced({ type, loadBalancerClass }: Pick<ShownService, 'type' | 'loadBalancerClass'>): boolean {
  return type === 'LoadBalancer' && (loadBalancerClass === undefined || loadBalancerClass === BALANCER_CLASS);
}

/**
 * One address for each family that is wanted and for which there is a pool.
 *
 * @param families those of the service, in order
 * @throws ConfigError `config-invalid` naming an address that is in no pool, or that there are no pools
 * @throws ConflictError `balancer-address-taken` @throws ExhaustedError `balancer-pools-full`
 */
export function balancerAddresses(
  service: BalancedService,
  families: readonly (4 | 6)[],
  means: BalancerMeans,
): readonly IpAddress[] {
  for (const address of service.wantedBalancerAddresses) refuseIfTaken(service, address, means);
  const wanted = new Set(service.wantedBalancerAddresses.map(({ family }) => family));
  const served = families.filter(
    (family) => (wanted.size === 0 || wanted.has(family)) && means.pools.some(({ first }) => first.family === family),
  );
  if (served.length === 0)
    throw new ConfigError(
      'spec.type',
      means.pools.length === 0
        ? 'there are no addresses for load balancers: give some in services.pools, on all nodes'
        : `services.pools has no address of a family of the service: ${poolWords(means.pools)}`,
    );
  return served.map(
    (family) =>
      service.wantedBalancerAddresses.find((address) => address.family === family) ??
      service.loadBalancerAddresses.find((address) => address.family === family && mayHave(service, address, means)) ??
      freeAddress(service, family, means),
  );
}

/** Those that it has and may have still, where it cannot have what it wants. */
export function keptBalancerAddresses(service: BalancedService, means: BalancerMeans): readonly IpAddress[] {
  const { wantedBalancerAddresses: wanted } = service;
  return service.loadBalancerAddresses.filter(
    (address) =>
      (wanted.length === 0 || wanted.some((one) => equalIpAddresses(one, address))) && mayHave(service, address, means),
  );
}

function refuseIfTaken(service: BalancedService, address: IpAddress, { pools, others, hosts }: BalancerMeans): void {
  const text = formatIpAddress(address);
  if (!pools.some((pool) => poolContains(pool, address)))
    throw new ConfigError('load balancer', `${text} is in none of services.pools: ${poolWords(pools)}`);
  if (hosts.some((host) => equalIpAddresses(host, address)))
    throw new ConflictError('balancer-address-taken', `a node has the address ${text} itself`);
  const holder = others.find((other) => has(other, address) && !mayShare(service, other));
  if (holder !== undefined)
    throw new ConflictError(
      'balancer-address-taken',
      `service ${serviceKey(holder)} has the address ${text}, and ${whyNotShared(service, holder)}`,
    );
}

function mayHave(service: BalancedService, address: IpAddress, { pools, others, hosts }: BalancerMeans): boolean {
  return (
    pools.some((pool) => poolContains(pool, address)) &&
    !hosts.some((host) => equalIpAddresses(host, address)) &&
    others.every((other) => !has(other, address) || mayShare(service, other))
  );
}

/** One of those with the same sharing key, or one that nobody has. */
function freeAddress(service: BalancedService, family: 4 | 6, means: BalancerMeans): IpAddress {
  const { pools, others, random } = means;
  const shared = others
    .filter(({ sharingKey }) => sharingKey !== undefined && sharingKey === service.sharingKey)
    .flatMap(({ loadBalancerAddresses }) => loadBalancerAddresses)
    .find((address) => address.family === family && mayHave(service, address, means));
  if (shared !== undefined) return shared;
  const taken = new Set(
    [...means.hosts, ...others.flatMap(({ loadBalancerAddresses }) => loadBalancerAddresses)].map(formatIpAddress),
  );
  for (const pool of pools) {
    if (pool.first.family !== family) continue;
    for (const offset of drawn(offeredBy(pool), random)) {
      const address = offeredAt(pool, offset);
      if (!taken.has(formatIpAddress(address))) return address;
    }
  }
  throw new ExhaustedError(
    'balancer-pools-full',
    `services have all IPv${family} addresses of services.pools: ${poolWords(pools)}`,
  );
}

/**
 * Whether two may have one address: both ask for it by the same key, no port is that of both, and the same nodes may answer for it.
 */
function mayShare(a: BalancedService, b: BalancedService): boolean {
  return whyNotShared(a, b) === '';
}

function whyNotShared(a: BalancedService, b: BalancedService): string {
  if (a.sharingKey === undefined || a.sharingKey !== b.sharingKey) return 'the two have no sharing key in common';
  const both = a.ports.find(({ protocol, port }) =>
    b.ports.some((other) => other.protocol === protocol && other.port === port),
  );
  if (both !== undefined) return `both have the port ${both.port}/${both.protocol.toLowerCase()}`;
  if (a.externalTraffic === 'cluster' && b.externalTraffic === 'cluster') return '';
  const haveSamePods =
    a.externalTraffic === b.externalTraffic && a.namespace === b.namespace && sameLabels(a.selector, b.selector);
  return haveSamePods ? '' : 'one of them keeps to backends of its node, and the two have not the same pods';
}

function sameLabels(a: BalancedService['selector'], b: BalancedService['selector']): boolean {
  if (a === undefined || b === undefined) return false;
  const entries = Object.entries(a);
  return entries.length === Object.keys(b).length && entries.every(([name, value]) => b[name] === value);
}

function has({ loadBalancerAddresses }: BalancedService, address: IpAddress): boolean {
  return loadBalancerAddresses.some((own) => equalIpAddresses(own, address));
}

function poolWords(pools: readonly AddressPool[]): string {
  return pools.length === 0 ? 'there are none' : pools.map(({ text }) => text).join(', ');
}
