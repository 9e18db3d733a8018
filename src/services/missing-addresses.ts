/** Services of type LoadBalancer that wait for an address, and why. */
import type { Random } from '../env/random.ts';
import { WeftError } from '../errors.ts';
import type { IpAddress } from '../wire/address.ts';
import { type AddressPool, poolContains } from './address-pool.ts';
import { balancerAddresses, isBalanced } from './balancer-assignment.ts';
import { serviceKey } from './service-planner.ts';
import type { ShownService } from './service-record.ts';

export interface MissingAddress {
  /** `shop/web` */
  readonly service: string;
  /** For people. */
  readonly why: string;
}

/** No number matters: it is only asked whether there is an address at all. */
const anyRandom: Random = { uint32: () => 0 };

/** Step by step, in the order of the services. @returns `undefined` among them: nothing yet, after some work */
export function* missingAddresses(
  services: readonly ShownService[],
  pools: readonly AddressPool[],
  hosts: readonly IpAddress[],
): Generator<MissingAddress | undefined, void> {
  const balanced = services.filter(isBalanced);
  const others = balanced.filter(({ loadBalancerAddresses }) => loadBalancerAddresses.length > 0);
  for (const service of balanced) {
    yield;
    const has = service.loadBalancerAddresses.some((address) => pools.some((pool) => poolContains(pool, address)));
    if (!has) yield { service: serviceKey(service), why: whyMissing(service, pools, hosts, others) };
  }
}

function whyMissing(
  service: ShownService,
  pools: readonly AddressPool[],
  hosts: readonly IpAddress[],
  others: readonly ShownService[],
): string {
  const families = service.clusterAddresses.map(({ family }) => family);
  if (families.length === 0) return 'it has no address of the cluster yet';
  try {
    balancerAddresses(service, families, { pools, others, hosts, random: anyRandom });
    return 'there is an address for it, and nobody has written it into the service yet';
  } catch (error) {
    if (error instanceof WeftError) return error.message;
    throw error;
  }
}
