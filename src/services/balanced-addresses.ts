/** Addresses of load balancers for which nodes answer on their links, and which nodes may. */
import { formatIpAddress, type IpAddress } from '../wire/address.ts';
import { type AddressPool, poolContains } from './address-pool.ts';
import { mayBeUsed } from './reachable-backends.ts';
import { serviceKey, type ServicePlanner } from './service-planner.ts';
import type { ShownService } from './service-record.ts';

export interface BalancedAddress {
  readonly address: IpAddress;
  /** Nodes with a backend, as backends name them, where only these may answer; `undefined`: any may. */
  readonly nodeNames: ReadonlySet<string> | undefined;
}

/** By their text. What others gave a service, and is in no pool, is for others to answer for. */
export function balancedAddresses(
  services: Iterable<ShownService>,
  planner: Pick<ServicePlanner, 'backends'>,
  pools: readonly AddressPool[],
): ReadonlyMap<string, BalancedAddress> {
  const found = new Map<string, BalancedAddress>();
  for (const service of services) {
    for (const address of service.loadBalancerAddresses) {
      if (!pools.some((pool) => poolContains(pool, address))) continue;
      const text = formatIpAddress(address);
      const before = found.get(text);
      const nodeNames = service.externalTraffic === 'local' ? nodesOf(service, planner) : undefined;
      // Of services that share it, the packets of one may go to any node: then all go there.
      found.set(text, { address, nodeNames: before === undefined ? nodeNames : joined(before.nodeNames, nodeNames) });
    }
  }
  return found;
}

function nodesOf(service: ShownService, planner: Pick<ServicePlanner, 'backends'>): ReadonlySet<string> {
  const backends = [...planner.backends(serviceKey(service)).values()].flat();
  return new Set(backends.filter(mayBeUsed).map(({ nodeName }) => nodeName));
}

function joined(
  a: ReadonlySet<string> | undefined,
  b: ReadonlySet<string> | undefined,
): ReadonlySet<string> | undefined {
  return a === undefined || b === undefined ? undefined : new Set([...a, ...b]);
}
