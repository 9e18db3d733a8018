/** Policies and whom they are about, arranged so that single flows can be judged. Made once, and never changed. */
import { formatIpAddress, type IpAddress } from '../wire/address.ts';
import type { ClusterFacts, Labels, PolicyNode, PolicyPod } from './cluster-facts.ts';
import { labelsOfNamespace, selectsPod } from './pod-selection.ts';
import { comparePolicies, type Direction, type PodSelector, type Policy } from './policy.ts';
import { closingPolicy } from './unknown-labels.ts';

export class ClusterView {
  readonly #policies: readonly Policy[];
  readonly #podsByAddress = new Map<string, PolicyPod[]>();
  readonly #namespaces = new Map<string, Labels>();
  readonly #nodesByAddress = new Map<string, PolicyNode[]>();
  /** What was found out of a pod: a matrix asks it for each other pod again. */
  readonly #closing = new Map<PolicyPod, Policy | undefined>();
  readonly #judging = new Map<PolicyPod, Partial<Record<Direction, readonly Policy[]>>>();

  constructor(policies: Iterable<Policy>, { pods, namespaces, nodes }: ClusterFacts) {
    this.#policies = [...policies].sort(comparePolicies);
    for (const namespace of namespaces)
      this.#namespaces.set(namespace.name, labelsOfNamespace(namespace.name, namespace));
    for (const pod of pods) if (!pod.hostNetwork) insert(this.#podsByAddress, pod, pod.addresses);
    for (const node of nodes) insert(this.#nodesByAddress, node, [...node.underlayAddresses, ...node.overlayAddresses]);
  }

  /** Pods with a network of their own that have an address: one mostly, two where one is gone and not all know it. */
  podsAt(address: IpAddress): readonly PolicyPod[] {
    return this.#podsByAddress.get(formatIpAddress(address)) ?? [];
  }

  /** Nodes that have an address, on the underlay or in the overlay. */
  nodesAt(address: IpAddress): readonly PolicyNode[] {
    return this.#nodesByAddress.get(formatIpAddress(address)) ?? [];
  }

  /** The policy by which a pod is isolated in both directions because its labels are not known; `undefined`: it is not. */
  closingPolicy(pod: PolicyPod): Policy | undefined {
    if (!this.#closing.has(pod))
      this.#closing.set(pod, closingPolicy(this.#policies, pod, this.#labelsOf(pod.namespace)));
    return this.#closing.get(pod);
  }

  /** Policies that select a pod for certain, and judge this direction: of each tier, in the order in which they are asked. */
  policiesFor(pod: PolicyPod, direction: Direction): readonly Policy[] {
    const known = this.#judging.get(pod) ?? {};
    this.#judging.set(pod, known);
    return (known[direction] ??= this.#policies.filter(
      ({ subject, directions }) => directions.includes(direction) && this.isSelected(pod, subject) === true,
    ));
  }

  /** `undefined`: that is not known, as labels of the pod are not. */
  isSelected(pod: PolicyPod, selector: PodSelector): boolean | undefined {
    return selectsPod(selector, pod, this.#labelsOf(pod.namespace));
  }

  #labelsOf(namespace: string): Labels {
    return this.#namespaces.get(namespace) ?? labelsOfNamespace(namespace, undefined);
  }
}

function insert<Value>(all: Map<string, Value[]>, value: Value, addresses: readonly IpAddress[]): void {
  for (const text of new Set(addresses.map(formatIpAddress))) {
    const values = all.get(text);
    if (values === undefined) all.set(text, [value]);
    else values.push(value);
  }
}
