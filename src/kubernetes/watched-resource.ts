/**
 * What is watched in the Kubernetes API: one table.
 *
 * To watch one more: a reader in `api-object.ts`, a row here, what becomes of it in `daemon/kubernetes/`, and the right to list and watch it
 * in `docs/kubernetes.md`.
 */
import {
  type ApiNamespace,
  type ApiNode,
  type ApiPod,
  nameOfNamespaced,
  readNamespace,
  readNode,
  readPod,
} from './api-object.ts';
import { type ApiEndpointSlice, readEndpointSlice, SERVICE_NAME_LABEL } from './api-endpoint-slice.ts';
import { type ApiPolicy, readClusterNetworkPolicy, readNetworkPolicy } from './api-policy.ts';
import { type ApiService, readApiService } from './api-service.ts';

/** What the records of each resource are. */
export interface ApiRecords {
  readonly nodes: ApiNode;
  readonly pods: ApiPod;
  readonly namespaces: ApiNamespace;
  readonly networkpolicies: ApiPolicy;
  readonly clusternetworkpolicies: ApiPolicy;
  readonly services: ApiService;
  readonly endpointslices: ApiEndpointSlice;
}

/** Name of a resource, as in the path of the API. */
export type ResourceName = keyof ApiRecords;

/** What cannot be done without it: be a node of the cluster, enforce its policies as they are now, or have its services. */
export type WatchPurpose = 'node' | 'policy' | 'service';

/** One row. */
export interface WatchedResource<Value> {
  readonly purpose: WatchPurpose;
  /** Where it may be, by the version of its group: the first that the server has. */
  readonly paths: readonly [string, ...string[]];
  /** It has to be installed, and mostly is not: a server without it has no objects of it. */
  readonly isOptional: boolean;
  /** Only those that concern this node. @param nodeName of its Node object */
  readonly fieldSelector: (nodeName: string) => string;
  /** Only those with such labels; empty: all. */
  readonly labelSelector: string;
  /** Objects of one page: a Node takes 10 to 50 kB, for the images that it lists. */
  readonly pageLength: number;
  /** More objects than these are not watched at all. */
  readonly most: number;
  /** Nor are such whose records take more than this as JSON, in characters. */
  readonly mostCharacters: number;
  readonly read: (object: unknown) => Value | undefined;
  /** Unique among all. */
  readonly keyOf: (value: Value) => string;
}

const MEBI = 1_048_576;

const CLUSTER_POLICIES = '/apis/policy.networking.k8s.io';

/** Without services that say who else has them, and without what is headless (kube-proxy of Kubernetes 1.34, cmd/kube-proxy/app/server.go). */
const OURS = '!service.kubernetes.io/service-proxy-name,!service.kubernetes.io/headless';

const everywhere = (): string => '';

/** The table. */
export const watchedResources: { readonly [Name in ResourceName]: WatchedResource<ApiRecords[Name]> } = {
  nodes: {
    purpose: 'node',
    paths: ['/api/v1/nodes'],
    isOptional: false,
    fieldSelector: everywhere,
    labelSelector: '',
    pageLength: 100,
    // Kubernetes is built for 5 000.
    most: 16_384,
    mostCharacters: 64 * MEBI,
    read: readNode,
    keyOf: ({ name }) => name,
  },
  pods: {
    purpose: 'node',
    paths: ['/api/v1/pods'],
    isOptional: false,
    fieldSelector: (nodeName) => `spec.nodeName=${nodeName}`,
    labelSelector: '',
    pageLength: 250,
    // A kubelet takes 110 unless it is told otherwise; those that have ended count, too.
    most: 8_192,
    mostCharacters: 64 * MEBI,
    read: readPod,
    keyOf: nameOfNamespaced,
  },
  namespaces: {
    purpose: 'policy',
    paths: ['/api/v1/namespaces'],
    isOptional: false,
    fieldSelector: everywhere,
    labelSelector: '',
    pageLength: 250,
    // Kubernetes is built for 10 000.
    most: 32_768,
    mostCharacters: 32 * MEBI,
    read: readNamespace,
    keyOf: ({ name }) => name,
  },
  networkpolicies: {
    purpose: 'policy',
    paths: ['/apis/networking.k8s.io/v1/networkpolicies'],
    isOptional: false,
    fieldSelector: everywhere,
    labelSelector: '',
    pageLength: 100,
    most: 16_384,
    mostCharacters: 16 * MEBI,
    read: readNetworkPolicy,
    keyOf: nameOfNamespaced,
  },
  clusternetworkpolicies: {
    purpose: 'policy',
    // Of network-policy-api 0.3.0, which serves both; 0.2.0 has the second alone.
    paths: [
      `${CLUSTER_POLICIES}/v1beta1/clusternetworkpolicies`,
      `${CLUSTER_POLICIES}/v1alpha2/clusternetworkpolicies`,
    ],
    isOptional: true,
    fieldSelector: everywhere,
    labelSelector: '',
    pageLength: 100,
    most: 4_096,
    mostCharacters: 16 * MEBI,
    read: readClusterNetworkPolicy,
    keyOf: ({ name }) => name,
  },
  services: {
    purpose: 'service',
    paths: ['/api/v1/services'],
    isOptional: false,
    // What has no addresses is of no concern: it is headless, or the name of something elsewhere.
    fieldSelector: () => 'spec.clusterIP!=None,spec.type!=ExternalName',
    labelSelector: OURS,
    pageLength: 250,
    // Kubernetes is built for 10 000.
    most: 32_768,
    mostCharacters: 32 * MEBI,
    read: readApiService,
    keyOf: nameOfNamespaced,
  },
  endpointslices: {
    purpose: 'service',
    paths: ['/apis/discovery.k8s.io/v1/endpointslices'],
    isOptional: false,
    fieldSelector: everywhere,
    labelSelector: `${OURS},${SERVICE_NAME_LABEL}`,
    // A hundred endpoints take some 50 kB.
    pageLength: 100,
    // One of each family for each service, and one more for each hundred backends.
    most: 131_072,
    mostCharacters: 64 * MEBI,
    read: readEndpointSlice,
    keyOf: nameOfNamespaced,
  },
};

/** All names, in order of display. */
export const resourceNames = Object.keys(watchedResources) as readonly ResourceName[];

/** Names of those that are watched for one of these purposes. */
export function resourcesFor(purposes: readonly WatchPurpose[]): readonly ResourceName[] {
  return resourceNames.filter((name) => purposes.includes(watchedResources[name].purpose));
}
