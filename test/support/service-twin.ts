/**
 * Where a packet to a service may go, written down once more as the documentation of Kubernetes has it (Service; Virtual IPs and Service
 * Proxies; Topology Aware Routing; k8s.io/api, core/v1 and discovery/v1), for one packet, as plain as can be.
 */
import type { PlanningNode } from '../../src/services/service-plan.ts';
import type { BackendsByPort } from '../../src/services/service-planner.ts';
import type { Backend, Service, ServiceProtocol } from '../../src/services/service.ts';
import { equalIpAddresses, formatIpAddress, type IpAddress } from '../../src/wire/address.ts';

export interface ServicePacket {
  readonly destination: IpAddress;
  readonly protocol: ServiceProtocol;
  readonly port: number;
  /** Whether a pod of the node, or the node, sends it. */
  readonly isInside: boolean;
}

/** `10.244.1.1:8080` of each backend that may get it, in order; `refused`, `dropped`; `undefined`: it is for no port of this service. */
export function twinDestination(
  { destination, protocol, port, isInside }: ServicePacket,
  service: Service,
  backends: BackendsByPort,
  node: PlanningNode,
): readonly string[] | 'refused' | 'dropped' | undefined {
  const isOneOf = (addresses: readonly IpAddress[]): boolean =>
    addresses.some((one) => equalIpAddresses(one, destination));
  const isCluster = isOneOf(service.clusterAddresses);
  const isExternal = isOneOf(service.externalAddresses) || isOneOf(service.loadBalancerAddresses);
  const asked = service.ports.find((one) => {
    if (one.protocol !== protocol) return false;
    if ((isCluster || isExternal) && one.port === port) return true;
    return one.nodePort === port && isOneOf(node.nodePortAddresses);
  });
  if (asked === undefined) return undefined;

  const candidates = (backends.get(asked.name) ?? []).filter(({ address }) => address.family === destination.family);
  let isLocalOnly = service.internalTraffic === 'local';
  if (!isCluster) isLocalOnly = service.externalTraffic === 'local' && !isInside;

  if (isLocalOnly) {
    const here = usable(candidates.filter((one) => one.nodeName === node.name));
    if (here.length > 0) return texts(here);
    return usable(candidates).length > 0 ? 'dropped' : 'refused';
  }

  const all = usable(candidates);
  if (all.length === 0) return 'refused';
  if (!all[0]!.isReady) return texts(all);
  // Hints count if every endpoint has one, and one is meant for here.
  let chosen = all;
  if (all.every((one) => one.forZones.length > 0) && all.some((one) => one.forZones.includes(node.zone))) {
    chosen = all.filter((one) => one.forZones.includes(node.zone));
  }
  if (all.every((one) => one.forNodes.length > 0) && all.some((one) => one.forNodes.includes(node.name))) {
    chosen = all.filter((one) => one.forNodes.includes(node.name));
  }
  return texts(chosen);
}

/** Pods that are ready; if there are none, pods that are serving although they terminate. */
function usable(some: readonly Backend[]): readonly Backend[] {
  const ready: Backend[] = [];
  const last: Backend[] = [];
  for (const one of some) {
    if (one.isReady) ready.push(one);
    else if (one.isServing && one.isTerminating) last.push(one);
  }
  return ready.length > 0 ? ready : last;
}

function texts(backends: readonly Backend[]): readonly string[] {
  return [...new Set(backends.map(({ address, port }) => `${formatIpAddress(address)}:${port}`))].sort();
}
