/** A Service as it was given (core/v1, k8s.io/api): what is planned of it, and what addresses, ports and backends are found by. */
import type { IpAddress } from '../wire/address.ts';
import type { Service, ServicePort } from './service.ts';

export const serviceTypes = ['ClusterIP', 'LoadBalancer', 'NodePort'] as const;

export type ServiceType = (typeof serviceTypes)[number];

export const ipFamilyPolicies = ['PreferDualStack', 'RequireDualStack', 'SingleStack'] as const;

export const trafficDistributions = ['PreferClose', 'PreferSameZone', 'PreferSameNode'] as const;

/** What is planned of one, and shown to people: all that there is to know where others assign addresses and find backends. */
export interface ShownService extends Service {
  readonly type: ServiceType;
  readonly ports: readonly ServiceRecordPort[];
  /** Labels that the pods behind it have, all of them; `undefined`: it selects none. */
  readonly selector: Readonly<Record<string, string>> | undefined;
  /** It wants no addresses. Any other without addresses has not got them yet. */
  readonly isHeadless: boolean;
  /** Which addresses of a load balancer it would like to have; none: any. */
  readonly wantedBalancerAddresses: readonly IpAddress[];
  /** Who is to give it addresses of a load balancer; `undefined`: whoever does so here. */
  readonly loadBalancerClass: string | undefined;
  /** Services with the same one may have one address together; `undefined`: it shares none. */
  readonly sharingKey: string | undefined;
}

export interface ServiceRecord extends ShownService {
  /** Families of the addresses that it has or wants, in order; empty: whoever assigns them chooses. */
  readonly ipFamilies: readonly (4 | 6)[];
  readonly ipFamilyPolicy: (typeof ipFamilyPolicies)[number];
  /** `publishNotReadyAddresses`: pods count as ready whatever they say. */
  readonly publishesNotReady: boolean;
  readonly trafficDistribution: (typeof trafficDistributions)[number] | undefined;
  /** Ports without a node port want one. */
  readonly allocatesNodePorts: boolean;
  /** Where load balancers ask whether this node has backends; `undefined`: it has none, or not yet. */
  readonly healthCheckNodePort: number | undefined;
}

export interface ServiceRecordPort extends ServicePort {
  /** Of the pods: a number, or the name that each has for it. */
  readonly targetPort: number | string;
}
