/**
 * What is watched in the Kubernetes API: one table.
 *
 * To watch one more: a reader in `api-object.ts`, a row here, what becomes of it in `daemon/kubernetes/`, and the right to list and watch it
 * in `docs/kubernetes.md`.
 */
import { type ApiNode, type ApiPod, readNode, readPod } from './api-object.ts';

/** What the records of each resource are. */
export interface ApiRecords {
  readonly nodes: ApiNode;
  readonly pods: ApiPod;
}

/** Name of a resource, as in the path of the API. */
export type ResourceName = keyof ApiRecords;

/** One row. */
export interface WatchedResource<Value> {
  readonly path: string;
  /** Only those that concern this node. @param nodeName of its Node object */
  readonly fieldSelector: (nodeName: string) => string;
  /** Objects of one page: a Node takes 10 to 50 kB, for the images that it lists. */
  readonly pageLength: number;
  /** More objects than these are not watched at all. */
  readonly most: number;
  readonly read: (object: unknown) => Value | undefined;
  /** Unique among all. */
  readonly keyOf: (value: Value) => string;
}

/** The table. */
export const watchedResources: { readonly [Name in ResourceName]: WatchedResource<ApiRecords[Name]> } = {
  nodes: {
    path: '/api/v1/nodes',
    fieldSelector: () => '',
    pageLength: 100,
    // Kubernetes is built for 5 000.
    most: 16_384,
    read: readNode,
    keyOf: ({ name }) => name,
  },
  pods: {
    path: '/api/v1/pods',
    fieldSelector: (nodeName) => `spec.nodeName=${nodeName}`,
    pageLength: 250,
    // A kubelet takes 110 unless it is told otherwise; those that have ended count, too.
    most: 8_192,
    read: readPod,
    keyOf: ({ namespace, name }) => `${namespace}/${name}`,
  },
};

/** All names, in order of display. */
export const resourceNames = Object.keys(watchedResources) as readonly ResourceName[];
