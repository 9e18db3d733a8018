/** Policies and whom they are about, arranged so that single flows can be judged. Made once, and never changed. */
import { equalIpAddresses, formatIpAddress, type IpAddress } from '../wire/address.ts';
import type { ClusterFacts, Labels, PolicyNode, PolicyPod } from './cluster-facts.ts';
import { labelsOfNamespace, selectsPod } from './pod-selection.ts';
import { comparePolicies, type Direction, type PodSelector, type Policy } from './policy.ts';
import { closingPolicy } from './unknown-labels.ts';

export class ClusterView {
  readonly #policies: readonly Policy[];
  readonly #podsByAddress = new Map<string, PolicyPod[]>();
  readonly #namespaces = new Map<string, Labels>();
  readonly #nodes: readonly PolicyNode[];

  constructor(policies: Iterable<Policy>, { pods, namespaces, nodes }: ClusterFacts) {
    this.#policies = [...policies].sort(comparePolicies);
    for (const namespace of namespaces)
      this.#namespaces.set(namespace.name, labelsOfNamespace(namespace.name, namespace));
    for (const pod of pods) if (!pod.hostNetwork) this.#insert(pod);
    this.#nodes = [...nodes];
  }

  /** Pods with a network of their own that have an address: one mostly, two where one is gone and not all know it. */
  podsAt(address: IpAddress): readonly PolicyPod[] {
    return this.#podsByAddress.get(formatIpAddress(address)) ?? [];
  }

  /** Nodes that have an address, on the underlay or in the overlay. */
  nodesAt(address: IpAddress): readonly PolicyNode[] {
    return this.#nodes.filter(({ underlayAddresses, overlayAddresses }) =>
      [...underlayAddresses, ...overlayAddresses].some((one) => equalIpAddresses(one, address)),
    );
  }

  /** The policy by which a pod is isolated in both directions because its labels are not known; `undefined`: it is not. */
  closingPolicy(pod: PolicyPod): Policy | undefined {
    return closingPolicy(this.#policies, pod, this.#labelsOf(pod.namespace));
  }

  /** Policies that select a pod for certain, and judge this direction: of each tier, in the order in which they are asked. */
  policiesFor(pod: PolicyPod, direction: Direction): readonly Policy[] {
    return this.#policies.filter(
      ({ subject, directions }) => directions.includes(direction) && this.isSelected(pod, subject) === true,
    );
  }

  /** `undefined`: that is not known, as labels of the pod are not. */
  isSelected(pod: PolicyPod, selector: PodSelector): boolean | undefined {
    return selectsPod(selector, pod, this.#labelsOf(pod.namespace));
  }

  #labelsOf(namespace: string): Labels {
    return this.#namespaces.get(namespace) ?? labelsOfNamespace(namespace, undefined);
  }

  #insert(pod: PolicyPod): void {
    for (const text of new Set(pod.addresses.map(formatIpAddress))) {
      const pods = this.#podsByAddress.get(text);
      if (pods === undefined) this.#podsByAddress.set(text, [pod]);
      else pods.push(pod);
    }
  }
}
