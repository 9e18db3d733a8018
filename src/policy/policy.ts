/**
 * What a policy says, whatever it was read from: a NetworkPolicy (networking.k8s.io/v1), or a ClusterNetworkPolicy
 * (policy.networking.k8s.io, network-policy-api v0.3.0).
 */
import type { Prefix } from '../wire/prefix.ts';
import type { LabelSelector } from './label-selector.ts';

/** In the order in which they are asked. Whatever decides first, decides. */
export const tiers = ['admin', 'namespace', 'baseline'] as const;

/** `namespace` is that of NetworkPolicies, which decide for all pods that they select. */
export type Tier = (typeof tiers)[number];

export const directions = ['ingress', 'egress'] as const;

/** As the pod that is selected sees it. */
export type Direction = (typeof directions)[number];

/** `pass`: the rest of the tier is not asked. */
export type RuleAction = 'allow' | 'deny' | 'pass';

export type PolicyProtocol = 'TCP' | 'UDP' | 'SCTP';

/** A policy. */
export interface Policy {
  readonly tier: Tier;
  /** Within the tier, the smaller is asked first; of NetworkPolicies, 0. Of the same priority, by name. */
  readonly priority: number;
  /** Empty: of the whole cluster. */
  readonly namespace: string;
  readonly name: string;
  /** Whom it is about. A pod with the network of its node is never selected. */
  readonly subject: PodSelector;
  /** A NetworkPolicy isolates in these; a ClusterNetworkPolicy has rules for them. */
  readonly directions: readonly Direction[];
  readonly ingress: readonly PolicyRule[];
  readonly egress: readonly PolicyRule[];
  /** What it would deny is told, and judged further as if it had not been asked: what it allows, it allows. */
  readonly isAudit: boolean;
}

/** Pods in namespaces. */
export interface PodSelector {
  /** One namespace by its name, or those that have labels. */
  readonly namespaces: string | LabelSelector;
  readonly pods: LabelSelector;
}

/** One entry of `from` or `to`, with all ports of its rule. First match counts, in the order of the list. */
export interface PolicyRule {
  /** Where it stands: `ingress[2].from[0]`, or `ingress[2]` where it has no list of peers. */
  readonly place: string;
  /** What its author calls it; empty: nothing. */
  readonly title: string;
  readonly action: RuleAction;
  readonly peer: PolicyPeer;
  /** `undefined`: every packet, of whatever protocol. Empty: none. */
  readonly ports: readonly PolicyPort[] | undefined;
}

/**
 * Whoever has an address in the prefix, and in none of the exceptions. A node that has one of those on the underlay has its addresses in the
 * overlay as well, from which it sends to pods of others.
 */
export interface PeerBlock {
  readonly kind: 'block';
  readonly prefix: Prefix;
  readonly except: readonly Prefix[];
}

/** Who is at the other end. */
export type PolicyPeer =
  /** Anybody. */
  | { readonly kind: 'all' }
  /** Those of them without the network of their node. */
  | { readonly kind: 'pods'; readonly pods: PodSelector }
  | PeerBlock
  /** Addresses of Nodes that have these labels. */
  | { readonly kind: 'nodes'; readonly nodes: LabelSelector }
  /** Nobody: it says something that is not understood, and an `allow` may then allow nothing. */
  | { readonly kind: 'none' };

/** Ports at the destination. */
export type PolicyPort =
  /** All ports of a protocol. */
  | { readonly protocol: PolicyProtocol; readonly kind: 'any' }
  /** From the first to the last, both included. */
  | { readonly protocol: PolicyProtocol; readonly kind: 'range'; readonly first: number; readonly last: number }
  /** Those that containers of the destination call so. Without a protocol: of whatever one. */
  | { readonly protocol: PolicyProtocol | undefined; readonly kind: 'name'; readonly name: string };

/** `shop/web`, or `web` of a policy of the whole cluster. */
export function titleOf({ namespace, name }: Pick<Policy, 'namespace' | 'name'>): string {
  return namespace === '' ? name : `${namespace}/${name}`;
}

/** `shop/web ingress[2].from[0]`: unique among all policies. */
export function ruleName(policy: Pick<Policy, 'namespace' | 'name'>, { place }: Pick<PolicyRule, 'place'>): string {
  return `${titleOf(policy)} ${place}`;
}

/** Order in which policies of one tier are asked. For `Array.sort`. */
export function comparePolicies(a: Policy, b: Policy): number {
  return a.priority - b.priority || compareTexts(titleOf(a), titleOf(b));
}

/** Order of texts that is the same everywhere. For `Array.sort`. */
export function compareTexts(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
