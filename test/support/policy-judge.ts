/** What a node of a simulated cluster decides by: its planner, and what it would have the kernel do. */
import { ApiPolicies } from '../../src/daemon/policy-facts/api-policies.ts';
import { RemotePods } from '../../src/daemon/policy-facts/remote-pods.ts';
import { ToldValues } from '../../src/daemon/policy-facts/told-values.ts';
import { RulebookObjects } from '../../src/daemon/rulebook/rulebook-objects.ts';
import type { PolicyPod } from '../../src/policy/cluster-facts.ts';
import { NodePlanner } from '../../src/policy/node-planner.ts';
import { PlanState } from '../../src/policy/plan-state.ts';
import { isFlowAllowed } from '../../src/policy/plan-verdict.ts';
import type { Policy } from '../../src/policy/policy.ts';
import type { SimulatedCluster } from '../../src/sim/cluster.ts';
import type { SimulatedNode } from '../../src/sim/node.ts';
import type { IpAddress } from '../../src/wire/address.ts';

/** Judges who may reach one pod of its node, `shop/web`. */
export class PolicyJudge {
  readonly #node: SimulatedNode;
  readonly #planner: NodePlanner;
  readonly #plan = new PlanState();
  readonly #remote: RemotePods;
  readonly #policies: ApiPolicies;
  readonly #objects = new RulebookObjects([]);
  readonly #target: IpAddress;
  #digest = '';

  constructor(cluster: SimulatedCluster, number: number, policies: readonly Policy[] = []) {
    const planner = new NodePlanner(`n${number}`);
    this.#node = cluster.node(number);
    this.#planner = planner;
    this.#target = { family: 4, bytes: Uint8Array.of(10, number >> 8, number & 0xff, 250) };
    for (const policy of policies) planner.setPolicy(policy);
    const own = { namespace: 'shop', name: 'web', labels: {}, hostNetwork: false, ports: [], hasMorePorts: false };
    planner.setPod({ ...own, key: 'own', addresses: [this.#target], nodeName: `n${number}` });
    this.#remote = new RemotePods({
      setOf: (identity) => this.#node.directory.setOf(identity),
      mayHave: () => true,
      nodeNameOf: (identity) => identity,
      told: new ToldValues<PolicyPod>({ set: (pod) => planner.setPod(pod), remove: (key) => planner.removePod(key) }),
    });
    this.#policies = new ApiPolicies(
      new ToldValues<Policy>({
        set: (policy) => planner.setPolicy(policy),
        remove: (title) => planner.removePolicy(title),
      }),
    );
  }

  /** Hears of pods of these nodes, and of policies that somebody gave to the cluster. */
  update(identities: readonly string[]): void {
    for (const identity of identities) this.#remote.update(identity);
    this.#updatePolicies();
    this.#plan.change(this.#planner.takeChange());
  }

  /** Whether it lets an address reach its pod. */
  allows(source: IpAddress): boolean {
    const flow = { source, destination: this.#target, protocol: 6, sourcePort: 40_000, destinationPort: 80 };
    return isFlowAllowed(this.#plan, flow);
  }

  #updatePolicies(): void {
    const { rulebook } = this.#node;
    if (rulebook.summary.digest === this.#digest) return;
    this.#digest = rulebook.summary.digest;
    const changed = this.#objects.update(rulebook.entries().map(({ entry }) => entry));
    for (const key of changed.get('networkpolicies') ?? [])
      this.#policies.update('networkpolicies', key, this.#objects.objectsOf('networkpolicies').get(key));
  }
}
