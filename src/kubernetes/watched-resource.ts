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
import { type ApiPolicy, readClusterNetworkPolicy, readNetworkPolicy } from './api-policy.ts';

/** What the records of each resource are. */
export interface ApiRecords {
  readonly nodes: ApiNode;
  readonly pods: ApiPod;
  readonly namespaces: ApiNamespace;
  readonly networkpolicies: ApiPolicy;
  readonly clusternetworkpolicies: ApiPolicy;
}

/** Name of a resource, as in the path of the API. */
export type ResourceName = keyof ApiRecords;

/** What cannot be done without it: be a node of the cluster, or enforce its policies as they are now. */
export type WatchPurpose = 'node' | 'policy';

/** One row. */
export interface WatchedResource<Value> {
  readonly purpose: WatchPurpose;
  /** Where it may be, by the version of its group: the first that the server has. */
  readonly paths: readonly [string, ...string[]];
  /** It has to be installed, and mostly is not: a server without it has no objects of it. */
  readonly isOptional: boolean;
  /** Only those that concern this node. @param nodeName of its Node object */
  readonly fieldSelector: (nodeName: string) => string;
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

const everywhere = (): string => '';

/** The table. */
export const watchedResources: { readonly [Name in ResourceName]: WatchedResource<ApiRecords[Name]> } = {
  nodes: {
    purpose: 'node',
    paths: ['/api/v1/nodes'],
    isOptional: false,
    fieldSelector: everywhere,
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
    pageLength: 100,
    most: 4_096,
    mostCharacters: 16 * MEBI,
    read: readClusterNetworkPolicy,
    keyOf: ({ name }) => name,
  },
};

/** All names, in order of display. */
export const resourceNames = Object.keys(watchedResources) as readonly ResourceName[];
