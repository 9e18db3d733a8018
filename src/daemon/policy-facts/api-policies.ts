/** Policies of Kubernetes, read. One that cannot be read denies everything to those that it is about, and is told of. */
import type { ApiPolicy } from '../../kubernetes/api-policy.ts';
import { closedClusterNetworkPolicy, closedNetworkPolicy } from '../../policy/closed-policy.ts';
import { type Policy, titleOf } from '../../policy/policy.ts';
import type { PolicyReading } from '../../policy/policy-reading.ts';
import { readClusterNetworkPolicy } from '../../policy/read-cluster-network-policy.ts';
import { readNetworkPolicy } from '../../policy/read-network-policy.ts';
import type { ToldValues } from './told-values.ts';

/** Resources of policies. */
export const policyResources = ['networkpolicies', 'clusternetworkpolicies'] as const;

export type PolicyResource = (typeof policyResources)[number];

/** A policy of which not all is understood. */
export interface OddPolicy {
  readonly kind: ApiPolicy['object']['kind'];
  /** `shop/web`, or `web` of a policy of the whole cluster. */
  readonly title: string;
  /** It cannot be read: it denies everything. Otherwise it is enforced but for what is not understood, which allows nothing. */
  readonly isClosed: boolean;
  /** What is wrong, in the words of the Kubernetes API server. At least one. */
  readonly problems: readonly string[];
}

const readers: Readonly<Record<PolicyResource, (object: unknown) => PolicyReading>> = {
  networkpolicies: readNetworkPolicy,
  clusternetworkpolicies: readClusterNetworkPolicy,
};

const closed: Readonly<Record<PolicyResource, (object: unknown) => Policy | undefined>> = {
  networkpolicies: closedNetworkPolicy,
  clusternetworkpolicies: closedClusterNetworkPolicy,
};

export class ApiPolicies {
  readonly #told: ToldValues<Policy>;
  readonly #odd = new Map<string, OddPolicy>();

  constructor(told: ToldValues<Policy>) {
    this.#told = told;
  }

  /** An object is another one now. @param key of the object in the API. `undefined`: it is gone */
  update(resource: PolicyResource, key: string, object: ApiPolicy | undefined): void {
    // That of an object in a namespace is `NAMESPACE/NAME`, and of another one its name.
    if (object === undefined) {
      this.#odd.delete(key);
      return this.#told.put(key, undefined);
    }
    const title = titleOf(object);
    const reading = readers[resource](object.object);
    const isClosed = reading.policy === undefined;
    const found = isClosed ? reading.problems : reading.warnings;
    const problems = object.omission === '' ? found : [object.omission];
    if (problems.length === 0) this.#odd.delete(title);
    else this.#odd.set(title, { kind: object.object.kind, title, isClosed, problems });
    this.#told.put(title, reading.policy ?? closed[resource](object.object));
  }

  /** Those of which not all is understood, in order of their titles. */
  odd(): readonly OddPolicy[] {
    return [...this.#odd.values()].toSorted((a, b) => (a.title < b.title ? -1 : 1));
  }
}
