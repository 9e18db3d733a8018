/** Policies and whom they are about, changed at random, and told to planners. */
import type { PolicyNamespace, PolicyNode, PolicyPod } from '../../src/policy/cluster-facts.ts';
import type { NodePlanner } from '../../src/policy/node-planner.ts';
import { type Policy, titleOf } from '../../src/policy/policy.ts';
import { readClusterNetworkPolicy } from '../../src/policy/read-cluster-network-policy.ts';
import { readNetworkPolicy } from '../../src/policy/read-network-policy.ts';
import type { SeededRandom } from '../../src/sim/seeded-random.ts';
import { type PolicyObject, RandomPolicies } from './random-policies.ts';

const PODS = 8;
const POLICIES = 6;

/** Reads what is a policy. */
export function policyOf(object: PolicyObject): Policy {
  const reading = object['kind'] === 'NetworkPolicy' ? readNetworkPolicy(object) : readClusterNetworkPolicy(object);
  if (reading.policy === undefined) throw new Error(reading.problems.join('\n'));
  return reading.policy;
}

export class PolicyState {
  readonly pods = new Map<string, PolicyPod>();
  readonly policies = new Map<string, Policy>();
  readonly namespaces = new Map<string, PolicyNamespace>();
  readonly nodes = new Map<string, PolicyNode>();
  readonly #random: SeededRandom;
  readonly #made: RandomPolicies;

  constructor(random: SeededRandom) {
    this.#random = random;
    this.#made = new RandomPolicies(random);
  }

  /** Changes something, and tells these. */
  change(planners: readonly NodePlanner[]): void {
    const isRemoval = this.#random.below(3) === 0;
    const kind = this.#random.below(8);
    if (kind < 3) {
      const pod = this.#made.pod(this.#random.below(PODS));
      alter(this.pods, pod.key, pod, isRemoval);
      for (const one of planners)
        if (isRemoval) one.removePod(pod.key);
        else one.setPod(pod);
    } else if (kind < 6) {
      const policy = policyOf(this.#made.policy(this.#random.below(POLICIES)));
      const title = titleOf(policy);
      alter(this.policies, title, policy, isRemoval);
      for (const one of planners)
        if (isRemoval) one.removePolicy(title);
        else one.setPolicy(policy);
    } else if (kind === 6) {
      const namespace = this.#made.namespace();
      alter(this.namespaces, namespace.name, namespace, isRemoval);
      for (const one of planners)
        if (isRemoval) one.removeNamespace(namespace.name);
        else one.setNamespace(namespace);
    } else {
      const node = this.#made.node(1 + this.#random.below(3));
      alter(this.nodes, node.name, node, isRemoval);
      for (const one of planners)
        if (isRemoval) one.removeNode(node.name);
        else one.setNode(node);
    }
  }

  /** Tells all of it, last things first. */
  tell(planner: NodePlanner): void {
    for (const node of [...this.nodes.values()].toReversed()) planner.setNode(node);
    for (const pod of [...this.pods.values()].toReversed()) planner.setPod(pod);
    for (const policy of [...this.policies.values()].toReversed()) planner.setPolicy(policy);
    for (const namespace of [...this.namespaces.values()].toReversed()) planner.setNamespace(namespace);
  }
}

function alter<Item>(items: Map<string, Item>, key: string, item: Item, isRemoval: boolean): void {
  if (isRemoval) items.delete(key);
  else items.set(key, item);
}
