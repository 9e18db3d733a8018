/** Rules of policies with the sets that they mean, while anybody asks them. */
import type { PlannedPort, PlannedRule } from './node-plan.ts';
import type { PeerCertainty } from './peer-key.ts';
import type { PeerSets } from './peer-sets.ts';
import type { PortSets } from './port-sets.ts';
import { type Direction, type Policy, type PolicyPort, type PolicyRule, ruleName } from './policy.ts';
import { asksLabels, ruleNameForUnknown } from './unknown-labels.ts';

interface UsedRules {
  readonly rules: readonly PlannedRule[];
  uses: number;
}

export class PlannedRules {
  readonly #peers: PeerSets;
  readonly #ports: PortSets;
  readonly #used = { ingress: new Map<Policy, UsedRules>(), egress: new Map<Policy, UsedRules>() };

  constructor(peers: PeerSets, ports: PortSets) {
    this.#peers = peers;
    this.#ports = ports;
  }

  /** Rules of a policy for a direction, in order. Their sets are there until the {@link release} of the last who asked. */
  acquire(policy: Policy, direction: Direction): readonly PlannedRule[] {
    const used = this.#used[direction].get(policy);
    if (used !== undefined) {
      used.uses++;
      return used.rules;
    }
    const rules = policy[direction].flatMap((rule) => this.#planned(policy, rule, direction));
    this.#used[direction].set(policy, { rules, uses: 1 });
    return rules;
  }

  release(policy: Policy, direction: Direction): void {
    const used = this.#used[direction].get(policy)!;
    used.uses--;
    if (used.uses > 0) return;
    this.#used[direction].delete(policy);
    for (const { peers, ports } of used.rules) {
      if (peers !== undefined) this.#peers.release(peers);
      for (const port of ports ?? []) if (port.kind === 'named') this.#ports.release(port.ports);
    }
  }

  #planned(policy: Policy, rule: PolicyRule, direction: Direction): readonly PlannedRule[] {
    const { tier, isAudit } = policy;
    const { action, peer } = rule;
    const made = (certainty: PeerCertainty): Pick<PlannedRule, 'tier' | 'peers' | 'ports'> => ({
      tier,
      peers: this.#peers.acquire(peer, certainty),
      ports: rule.ports?.map((port) => this.#plannedPort(port, direction)),
    });
    const planned = { ...made('certain'), name: ruleName(policy, rule), action, isAudit };
    if (action === 'allow' || !asksLabels(peer)) return [planned];
    const name = ruleNameForUnknown(policy, rule);
    return [planned, { ...made('unknown'), name, action: 'deny', isAudit: isAudit && action === 'deny' }];
  }

  #plannedPort(port: PolicyPort, direction: Direction): PlannedPort {
    if (port.kind !== 'name') return port;
    return { kind: 'named', ports: this.#ports.acquire({ name: port.name, protocol: port.protocol, direction }) };
  }
}
