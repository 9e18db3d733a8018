/** Services, as one node has them, over the control API. Types only; `docs/api.md` documents every key. */
import type { Notice } from './control-api.ts';

/** Answer to `GET /v1/services`. */
export interface ServicesReport {
  /** Whose kernel it is about: each node chooses backends for what its own pods send, and for what comes to it from outside. */
  readonly node: string;
  /** In order of namespaces and names. */
  readonly services: readonly ListedService[];
  /** Of this node, since its table was made. */
  readonly refused: ServiceRefusals;
  /** Why it may be otherwise. */
  readonly notices: readonly Notice[];
}

/** Connections that went nowhere. */
export interface ServiceRefusals {
  /** To a port without a backend, or one that no service has: the sender was told. */
  readonly withoutBackend: number;
  /** From outside to a service that keeps to backends of its node, where there is none. */
  readonly withoutBackendHere: number;
  /** To a load balancer, from addresses that its service does not let in. */
  readonly fromOthers: number;
}

export interface ListedService {
  readonly namespace: string;
  readonly name: string;
  readonly type: 'ClusterIP' | 'NodePort' | 'LoadBalancer';
  /** It has names alone. */
  readonly headless: boolean;
  readonly clusterAddresses: readonly string[];
  readonly externalAddresses: readonly string[];
  /** Of a load balancer. */
  readonly loadBalancerAddresses: readonly ListedBalancerAddress[];
  /** Labels of its backends; `null`: it selects none. */
  readonly selector: Readonly<Record<string, string>> | null;
  readonly internalTraffic: 'cluster' | 'local';
  readonly externalTraffic: 'cluster' | 'local';
  /** How long a client keeps its backend, in seconds; `null`: it does not. */
  readonly affinitySeconds: number | null;
  readonly ports: readonly ListedServicePort[];
  /** Where it was given, and when. */
  readonly givenAt: { readonly node: string; readonly time: string } | null;
}

export interface ListedBalancerAddress {
  readonly address: string;
  /** That answers for it on its link, as this node sees it. Empty: none; `null`: it is not known. */
  readonly node: string | null;
}

export interface ListedServicePort {
  /** Empty: it is the only one. */
  readonly name: string;
  readonly protocol: 'TCP' | 'UDP' | 'SCTP';
  readonly port: number;
  /** Of its pods: a number, or the name that each has for it. */
  readonly targetPort: number | string;
  readonly nodePort: number | null;
  /** To which packets of pods of this node go, and of others, in order of addresses. */
  readonly backends: readonly ListedBackend[];
  /** So many of each family, the first, as there is no room for more; 0: the port is left out. `null`: all are used. */
  readonly backendLimit: number | null;
  /** Addresses with a port, as `ADDRESS PROTOCOL PORT`, that another service has. */
  readonly taken: readonly { readonly place: string; readonly by: string }[];
}

export interface ListedBackend {
  readonly address: string;
  readonly port: number;
  /** `default/web`; empty: it is not known. */
  readonly pod: string;
  /** Empty: it is not known. */
  readonly node: string;
  /** Of this port, from and over this node, now; `null`: the kernel does not tell. */
  readonly connections: number | null;
}
