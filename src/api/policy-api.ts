/** What a node knows of network policies, as the control API gives it. Types only; `docs/api.md` documents every key. */
import type { PodLabels } from '../directory/pod-labels.ts';
import type { PodPort } from '../directory/pod-port.ts';
import type { Notice } from './control-api.ts';
import type { PolicyDrops } from './drop-api.ts';
import type { SilentNode } from './silent-node.ts';

/** `GET /v1/policies`: policies, and all by which they are judged. */
export interface PolicyReport {
  /** Name of the node that tells. */
  readonly node: string;
  /** NetworkPolicies and ClusterNetworkPolicies, in order of their titles. */
  readonly policies: readonly KnownPolicy[];
  /** Of all nodes. Those that have the network of their node are known to that alone. */
  readonly pods: readonly PolicedPod[];
  readonly namespaces: readonly PolicedNamespace[];
  readonly nodes: readonly PolicedNode[];
  /** Why what follows from it may not be what holds, if there is something. */
  readonly notices: readonly Notice[];
}

/** Where a policy was taken from: the Kubernetes API, or what `weft policy apply` gave to the cluster. */
export type PolicySource = 'kubernetes' | 'rulebook';

/** A policy. */
export interface KnownPolicy {
  readonly source: PolicySource;
  /** Of the rulebook: name of the node where it was given, and when, by the clock there (ISO 8601). */
  readonly given?: { readonly node: string; readonly at: string };
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
  /** It may have others with names: they are not known. */
  readonly hasMorePorts: boolean;
  /** It has the network of its node: policies select it nowhere, and take it for the node. */
  readonly hostNetwork: boolean;
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

/** `GET /v1/policies/counts`: how often policies were used, of all nodes together. */
export interface PolicyCounts {
  /** In order of their titles: those that judge pods of any of these nodes. */
  readonly policies: readonly PolicyCount[];
  /** Nodes whose counts are not in it. */
  readonly missing: readonly SilentNode[];
}

/** What all rules of a policy counted since the daemons started, or since the rules came. */
export interface PolicyCount {
  /** Its title: `shop/web`. */
  readonly policy: string;
  /** Connections. */
  readonly allowed: number;
  /** Packets, as the kernel counts: a super-packet is one. What several policies deny together, as none of their rules allows it, each of them has. */
  readonly denied: number;
  /** Packets that it would deny, were it not in audit mode. */
  readonly audited: number;
  /** When any of it was last, or up to ten seconds later; empty: never. */
  readonly last: string;
}

/** `GET /v1/policies/rules?policy=TITLE`: the same rule by rule. */
export interface PolicyRuleCounts {
  readonly rules: readonly RuleCount[];
  readonly missing: readonly SilentNode[];
}

export interface RuleCount {
  /** `shop/web ingress[0].from[0]`; or of what no rule decides: `isolated by shop/web, no rule matches`. */
  readonly rule: string;
  /** In the policy: `ingress[0].from[0]`; empty: no rule decides. */
  readonly place: string;
  readonly direction: 'ingress' | 'egress';
  /** `allowed` and `passed` count connections, `denied` and `audited` packets. */
  readonly effect: 'allowed' | 'passed' | 'denied' | 'audited';
  readonly count: number;
  /** Since when all of the nodes count it; some may count for longer. */
  readonly since: string;
  readonly last: string;
  /** Whose pods it judges. */
  readonly nodes: readonly string[];
}

/** `GET /v1/policies/denials`: what policies denied, node by node. */
export interface PolicyDenialsReport {
  readonly nodes: readonly NodeDenials[];
  readonly missing: readonly SilentNode[];
}

export interface NodeDenials {
  readonly node: string;
  /** Since when it counts: the start of its daemon. */
  readonly since: string;
  /** The most frequent first. */
  readonly policies: readonly PolicyDrops[];
}
