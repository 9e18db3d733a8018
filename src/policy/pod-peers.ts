/** Pods that a selector means, or of which that is not known, by their addresses. */
import { equalIpAddresses } from '../wire/address.ts';
import type { Prefix } from '../wire/prefix.ts';
import { AddressBag } from './address-bag.ts';
import type { Labels, PolicyPod } from './cluster-facts.ts';
import type { PeerCertainty } from './peer-key.ts';
import { selectsLabels, selectsNamespace } from './pod-selection.ts';
import type { PodSelector } from './policy.ts';

export class PodPeers {
  readonly #selector: PodSelector;
  /** As `selectsLabels` says it of them. */
  readonly #isSelected: true | undefined;
  readonly #members = new Map<string, PolicyPod>();
  readonly #addresses = new AddressBag();

  constructor(selector: PodSelector, certainty: PeerCertainty) {
    this.#selector = selector;
    this.#isSelected = certainty === 'certain' ? true : undefined;
  }

  /** Whether pods of a namespace may be among them. */
  concerns(namespace: string, labels: Labels): boolean {
    return selectsNamespace(this.#selector, namespace, labels);
  }

  /**
   * A pod is another, new or gone. Whether addresses may have changed.
   *
   * @param pod `undefined`: there is none, or not in a namespace that {@link concerns} these.
   */
  replace(key: string, pod: PolicyPod | undefined): boolean {
    const before = this.#members.get(key);
    const isMember = pod !== undefined && selectsLabels(this.#selector.pods, pod.labels) === this.#isSelected;
    const after = isMember ? pod : undefined;
    // Of most pods of a cluster: a new selector asks for all of them.
    if (before === after) return false;
    if (after === undefined) this.#members.delete(key);
    else this.#members.set(key, after);
    if (haveSameAddresses(before, after)) return false;
    for (const address of before?.addresses ?? []) this.#addresses.delete(address);
    for (const address of after?.addresses ?? []) this.#addresses.insert(address);
    return true;
  }

  prefixes(): readonly Prefix[] {
    return this.#addresses.prefixes();
  }
}

function haveSameAddresses(a: PolicyPod | undefined, b: PolicyPod | undefined): boolean {
  const [ofA, ofB] = [a?.addresses ?? [], b?.addresses ?? []];
  return ofA.length === ofB.length && ofA.every((address, index) => equalIpAddresses(address, ofB[index]!));
}
