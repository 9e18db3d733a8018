/**
 * What becomes of packets to one service at one node: for each address and port of it, the backends, or why there are none. What makes it is
 * {@link planService}; what makes nftables of it is another room.
 */
import { compareIpAddresses, type IpAddress } from '../wire/address.ts';
import type { Prefix } from '../wire/prefix.ts';
import { reachableBackends, type ReachableBackends, type ServiceNode } from './reachable-backends.ts';
import type { Backend, BackendAddress, Service, ServicePort, ServiceProtocol, TrafficPolicy } from './service.ts';

/** An address and a port at which a service is reached. */
export interface Frontend {
  /** As {@link servicePortTitle} gives it. */
  readonly service: string;
  readonly kind: FrontendKind;
  readonly address: IpAddress;
  readonly protocol: ServiceProtocol;
  readonly port: number;
  /** For what pods and the node itself send. */
  readonly inside: Destination;
  /** For what comes to the node from elsewhere. */
  readonly outside: Destination;
  /** What comes from elsewhere leaves under an address of this node: its answers have to come back here. */
  readonly masqueradesOutside: boolean;
  /** As in {@link Service}. */
  readonly affinitySeconds: number | undefined;
  /** Who may use it; `undefined`: anybody. */
  readonly sources: readonly Prefix[] | undefined;
}

export type FrontendKind = 'cluster' | 'external' | 'load-balancer' | 'node-port';

export type Destination =
  /** One or more, each of the family of the frontend, in order of addresses and ports; all are equally likely. */
  | { readonly kind: 'backends'; readonly backends: readonly PlannedBackend[] }
  /** The sender is told at once: there is no backend anywhere. */
  | { readonly kind: 'refused' }
  /** Backends are on other nodes alone, and only those of this one may be used. Whoever sent it may find another node. */
  | { readonly kind: 'dropped' };

export interface PlannedBackend extends BackendAddress {
  /** As in {@link Backend}. */
  readonly nodeName: string;
}

/** The node that translates, and the addresses at which it has ports of services. */
export interface PlanningNode extends ServiceNode {
  readonly nodePortAddresses: readonly IpAddress[];
}

/** @param backendsOf all that a port has, of both families, ready or not, in any order */
export function planService(
  service: Service,
  backendsOf: (port: ServicePort) => readonly Backend[],
  node: PlanningNode,
): readonly Frontend[] {
  return service.ports.flatMap((port) => {
    const backends = distinct(backendsOf(port));
    const of = (family: 4 | 6) =>
      destinationsOf(
        reachableBackends(
          backends.filter(({ address }) => address.family === family),
          node,
        ),
      );
    const destinations = { 4: of(4), 6: of(6) };
    return placesOf(service, port, node).map((place) =>
      frontendAt(place, destinations[place.address.family], service, port),
    );
  });
}

/** A port of a service: `shop/web:http`, or `shop/web` where it has no name. */
export function servicePortTitle({ namespace, name }: Pick<Service, 'namespace' | 'name'>, port: string): string {
  return port === '' ? `${namespace}/${name}` : `${namespace}/${name}:${port}`;
}

interface Place {
  readonly kind: FrontendKind;
  readonly address: IpAddress;
  readonly port: number;
}

function placesOf(service: Service, { port, nodePort }: ServicePort, node: PlanningNode): readonly Place[] {
  return [
    ...service.clusterAddresses.map((address) => ({ kind: 'cluster' as const, address, port })),
    ...service.externalAddresses.map((address) => ({ kind: 'external' as const, address, port })),
    ...service.loadBalancerAddresses.map((address) => ({ kind: 'load-balancer' as const, address, port })),
    ...(nodePort === undefined
      ? []
      : node.nodePortAddresses.map((address) => ({ kind: 'node-port' as const, address, port: nodePort }))),
  ];
}

/** All addresses of a port share them: there may be many of both. */
type Destinations = Readonly<Record<TrafficPolicy, Destination>>;

function destinationsOf(reachable: ReachableBackends): Destinations {
  return { cluster: destination(reachable.cluster, reachable), local: destination(reachable.local, reachable) };
}

function frontendAt(
  place: Place,
  destinations: Destinations,
  service: Service,
  { name, protocol }: ServicePort,
): Frontend {
  const isInternal = place.kind === 'cluster';
  return {
    ...place,
    service: servicePortTitle(service, name),
    protocol,
    inside: destinations[isInternal ? service.internalTraffic : 'cluster'],
    outside: destinations[isInternal ? service.internalTraffic : service.externalTraffic],
    masqueradesOutside: isInternal || service.externalTraffic === 'cluster',
    affinitySeconds: service.affinitySeconds,
    sources: place.kind === 'load-balancer' ? service.loadBalancerSources : undefined,
  };
}

function destination(backends: readonly Backend[], { isAny }: ReachableBackends): Destination {
  if (backends.length > 0)
    return { kind: 'backends', backends: backends.map(({ address, port, nodeName }) => ({ address, port, nodeName })) };
  return { kind: isAny ? 'dropped' : 'refused' };
}

/** While an endpoint goes from one slice to another, it may be in both: the one that is ready counts. */
function distinct(backends: readonly Backend[]): readonly Backend[] {
  const sorted = backends.toSorted((a, b) => compareBackends(a, b) || Number(b.isReady) - Number(a.isReady));
  return sorted.filter((backend, at) => at === 0 || compareBackends(backend, sorted[at - 1]!) !== 0);
}

function compareBackends(a: BackendAddress, b: BackendAddress): number {
  return compareIpAddresses(a.address, b.address) || a.port - b.port;
}
