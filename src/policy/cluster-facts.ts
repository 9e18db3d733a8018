/** Whom policies are about, as they are known here: what selectors select from. */
import type { IpAddress } from '../wire/address.ts';
import type { PolicyProtocol } from './policy.ts';

export type Labels = Readonly<Record<string, string>>;

/** A pod of whatever node. */
export interface PolicyPod {
  /** Unique in the cluster: two nodes may have a pod of the same name for a while. */
  readonly key: string;
  readonly namespace: string;
  readonly name: string;
  /** `undefined`: they are not known, see `unknown-labels.ts`. */
  readonly labels: Labels | undefined;
  readonly addresses: readonly IpAddress[];
  /** Of the node that has it. */
  readonly nodeName: string;
  /** It has the network of its node: no selector finds it. */
  readonly hostNetwork: boolean;
  readonly ports: readonly NamedPort[];
  /** It has, or may have, others with names than these, see `unknown-ports.ts`. */
  readonly hasMorePorts: boolean;
}

/** A port of a container that has a name. */
export interface NamedPort {
  readonly name: string;
  readonly protocol: PolicyProtocol;
  readonly port: number;
}

/** A namespace. One that is not known has the label `kubernetes.io/metadata.name` alone, which each has. */
export interface PolicyNamespace {
  readonly name: string;
  readonly labels: Labels;
}

/** A node. */
export interface PolicyNode {
  readonly name: string;
  readonly labels: Labels;
  /** On the underlay. */
  readonly underlayAddresses: readonly IpAddress[];
  /** Its own in the overlay: what it sends to pods of others comes from there. */
  readonly overlayAddresses: readonly IpAddress[];
}

/** All of it. */
export interface ClusterFacts {
  readonly pods: Iterable<PolicyPod>;
  readonly namespaces: Iterable<PolicyNamespace>;
  readonly nodes: Iterable<PolicyNode>;
}
