/**
 * What the kernel of one node has to hold so that policies are enforced for its pods: which rules, in which order, and which addresses
 * stand for whom. What makes it is a {@link NodePlanner}; what makes nftables of it is another room.
 *
 * One {@link IsolationPlan} is shared by all pods of the node that the same policies select in a direction; one {@link PeerSet} by all rules
 * that mean the same peers, and one {@link PortSet} by all rules that mean the same named ports.
 */
import type { IpAddress } from '../wire/address.ts';
import type { Prefix } from '../wire/prefix.ts';
import type { Direction, PolicyProtocol, RuleAction, Tier } from './policy.ts';

/** A pod of this node that some policy selects, and what judges it. A pod without any is in no plan: all is allowed. */
export interface PodPlan {
  /** `PolicyPod.key` */
  readonly pod: string;
  readonly addresses: readonly IpAddress[];
  /** Keys of {@link IsolationPlan}; `undefined`: nothing judges this direction. */
  readonly ingress: string | undefined;
  readonly egress: string | undefined;
}

/** What judges a packet to, or from, a pod in one direction, unless it belongs to a connection that was allowed. */
export interface IsolationPlan {
  /** Made of the direction and the titles of its policies: the same policies, the same key. */
  readonly key: string;
  readonly direction: Direction;
  /** In the order in which they are asked; the first match counts. After `pass`, the next tier is asked. */
  readonly rules: readonly PlannedRule[];
  /**
   * Titles of the NetworkPolicies that isolate in this direction, in order. Empty: none does, so after the rules of `namespace`, those of
   * `baseline` are asked, and what they do not deny is allowed. Otherwise what no rule of `admin` or `namespace` decides is denied, and
   * there are no rules of `baseline`.
   *
   * `shop/(labels-unknown)`, of no policy, stands for all policies where the labels of the pod are not known, and there are no rules.
   * `(too-many-rules)`, of no policy, stands before all policies that judge where the node has no room for their rules: there are none.
   */
  readonly isolatedBy: readonly string[];
  /**
   * All that isolate are in audit mode: what would be denied for want of a rule is told, and then goes on as if they did not isolate: to the
   * rules of `baseline`, which are there.
   */
  readonly isAudit: boolean;
}

/** One rule of one policy. */
export interface PlannedRule {
  readonly tier: Tier;
  /**
   * `shop/web ingress[2].from[0]`: unique among all policies. Behind one that denies or passes by labels of peers stands one that denies peers
   * whose labels are not known, `tenants ingress[0].from[0] (labels-unknown)`; before that, behind one that does by names of ports, one that
   * denies whatever may have them, `tenants ingress[0].from[0] (ports-unknown)`.
   */
  readonly name: string;
  readonly action: RuleAction;
  /** What it would deny is told, and the rule behind it is asked, as if this one had not matched. Says nothing of `allow` and `pass`. */
  readonly isAudit: boolean;
  /** Key of a {@link PeerSet}; `undefined`: anybody. */
  readonly peers: string | undefined;
  /** `undefined`: every packet, of whatever protocol. Empty: none. */
  readonly ports: readonly PlannedPort[] | undefined;
}

/** Ports at the destination, whichever direction is judged. */
export type PlannedPort =
  | { readonly kind: 'any'; readonly protocol: PolicyProtocol }
  | { readonly kind: 'range'; readonly protocol: PolicyProtocol; readonly first: number; readonly last: number }
  /** Key of a {@link PortSet}, which says protocols, too. */
  | { readonly kind: 'named'; readonly ports: string }
  /** Any port of destinations that may have it under a name. `protocol`: `undefined` is whatever one that has ports. `pods`: key of a {@link PeerSet}. */
  | { readonly kind: 'unknown'; readonly protocol: PolicyProtocol | undefined; readonly pods: string };

/** Addresses of the other end, or of destinations whose ports are not known: both families in one, in order. None overlaps another. There may be none. */
export interface PeerSet {
  /** Says what it means: as long as its selectors are. The same peers, the same key, also after a restart. */
  readonly key: string;
  readonly prefixes: readonly Prefix[];
}

/**
 * Address, protocol and port of destinations, whose containers call the port by the name: for `ingress` those of this node, for `egress` all.
 * In order.
 */
export interface PortSet {
  readonly key: string;
  readonly elements: readonly {
    readonly address: IpAddress;
    readonly protocol: PolicyProtocol;
    readonly port: number;
  }[];
}

/** All of it. */
export interface NodePlan {
  readonly pods: readonly PodPlan[];
  readonly isolations: readonly IsolationPlan[];
  readonly peerSets: readonly PeerSet[];
  readonly portSets: readonly PortSet[];
}

/** What is not as before; of what is gone, the key. */
export interface NodePlanChange {
  readonly pods: { readonly changed: readonly PodPlan[]; readonly gone: readonly string[] };
  readonly isolations: { readonly changed: readonly IsolationPlan[]; readonly gone: readonly string[] };
  readonly peerSets: { readonly changed: readonly PeerSet[]; readonly gone: readonly string[] };
  readonly portSets: { readonly changed: readonly PortSet[]; readonly gone: readonly string[] };
}
