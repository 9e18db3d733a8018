/** What a node knows of network policies, as the control API gives it. Types only; `docs/api.md` documents every key. */
import type { PodLabels } from '../directory/pod-labels.ts';
import type { PodPort } from '../directory/pod-port.ts';
import type { Notice } from './control-api.ts';

/** `GET /v1/policies`: policies, and all by which they are judged. */
export interface PolicyReport {
  /** Name of the node that tells. */
  readonly node: string;
  /** NetworkPolicies and ClusterNetworkPolicies, in order of their titles. */
  readonly policies: readonly KnownPolicy[];
  /** Of all nodes; without pods that have the network of their node. */
  readonly pods: readonly PolicedPod[];
  readonly namespaces: readonly PolicedNamespace[];
  readonly nodes: readonly PolicedNode[];
  /** Why what follows from it may not be what holds, if there is something. */
  readonly notices: readonly Notice[];
}

/** Where a policy was taken from. */
export type PolicySource = 'kubernetes';

/** A policy. */
export interface KnownPolicy {
  readonly source: PolicySource;
  /** As its author wrote it: without `status`, and with `omitted` in the place of what is too long. */
  readonly object: PolicyManifest;
  /** `enforced`; `partly`, where something is not understood, which allows nothing; `closed`, where it cannot be read: it denies everything. */
  readonly state: 'enforced' | 'partly' | 'closed';
  /** What is wrong with it, in the words of the Kubernetes API. */
  readonly problems: readonly string[];
}

/** What every policy has, of whichever kind it is. */
export interface PolicyManifest {
  readonly apiVersion: string;
  readonly kind: 'NetworkPolicy' | 'ClusterNetworkPolicy';
  readonly metadata: { readonly name: string; readonly namespace?: string };
}

/** A pod that policies may select. */
export interface PolicedPod {
  /** Name of its node. */
  readonly node: string;
  readonly namespace: string;
  readonly name: string;
  /** `null`: they are not known. */
  readonly labels: PodLabels | null;
  /** That packets are judged by: without those that another node has by the routes. */
  readonly addresses: readonly string[];
  readonly ports: readonly PodPort[];
}

export interface PolicedNamespace {
  readonly name: string;
  readonly labels: PodLabels;
}

export interface PolicedNode {
  readonly name: string;
  readonly labels: PodLabels;
  readonly underlayAddresses: readonly string[];
  readonly overlayAddresses: readonly string[];
}
