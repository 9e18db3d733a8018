/**
 * A Service, whatever it was read from, as Kubernetes 1.34 has it (core/v1, k8s.io/api). One without addresses is headless: it has names
 * alone, and nothing of it is in a plan.
 */
import type { IpAddress } from '../wire/address.ts';
import type { Prefix } from '../wire/prefix.ts';

export type ServiceProtocol = 'TCP' | 'UDP' | 'SCTP';

/** `local`: to backends of the node where the packet is translated, and to no others. */
export type TrafficPolicy = 'cluster' | 'local';

export interface Service {
  readonly namespace: string;
  readonly name: string;
  readonly ports: readonly ServicePort[];
  /** At most one of each family. */
  readonly clusterAddresses: readonly IpAddress[];
  /** `externalIPs` */
  readonly externalAddresses: readonly IpAddress[];
  readonly loadBalancerAddresses: readonly IpAddress[];
  /** `loadBalancerSourceRanges`: who may use the addresses of the load balancer; `undefined`: anybody. */
  readonly loadBalancerSources: readonly Prefix[] | undefined;
  readonly internalTraffic: TrafficPolicy;
  /** What comes from outside. What pods and the node itself send to external addresses goes to all backends, whatever this says. */
  readonly externalTraffic: TrafficPolicy;
  /** `sessionAffinity: ClientIP`: how long a client that is silent keeps its backend, in seconds; `undefined`: it does not. */
  readonly affinitySeconds: number | undefined;
}

export interface ServicePort {
  /** Unique in the service; empty where it has one port alone. */
  readonly name: string;
  readonly protocol: ServiceProtocol;
  readonly port: number;
  /** `undefined`: it has none. */
  readonly nodePort: number | undefined;
}

/** One address behind one port of a service: an endpoint of an EndpointSlice (discovery.k8s.io/v1), or a pod of the directory. */
export interface Backend extends BackendAddress {
  /** With `publishNotReadyAddresses` whoever made the record calls all of them ready. */
  readonly isReady: boolean;
  readonly isServing: boolean;
  readonly isTerminating: boolean;
  /** Empty: not known. */
  readonly nodeName: string;
  /** Nodes, and zones, for which it is meant; empty: nothing is said. From `trafficDistribution`, or from the controller that follows it. */
  readonly forNodes: readonly string[];
  readonly forZones: readonly string[];
}

export interface BackendAddress {
  readonly address: IpAddress;
  readonly port: number;
}
