/** Rules of policies with the sets that they mean, while anybody asks them. */
import type { PlannedPort, PlannedRule } from './node-plan.ts';
import type { PeerCertainty } from './peer-key.ts';
import type { PeerSets } from './peer-sets.ts';
import type { PortSets } from './port-sets.ts';
import { type Direction, type Policy, type PolicyPort, type PolicyRule, ruleName } from './policy.ts';
import { asksLabels, ruleNameForUnknown } from './unknown-labels.ts';
import type { UnknownPortPods } from './unknown-port-pods.ts';
import { asksPortNames, protocolsOfNames, ruleNameForUnknownPorts } from './unknown-ports.ts';

interface UsedRules {
  readonly rules: readonly PlannedRule[];
  uses: number;
}

export class PlannedRules {
  readonly #peers: PeerSets;
  readonly #ports: PortSets;
  readonly #unknownPorts: UnknownPortPods;
  readonly #used = { ingress: new Map<Policy, UsedRules>(), egress: new Map<Policy, UsedRules>() };

  constructor(peers: PeerSets, ports: PortSets, unknownPorts: UnknownPortPods) {
    this.#peers = peers;
    this.#ports = ports;
    this.#unknownPorts = unknownPorts;
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
      for (const port of ports ?? []) {
        if (port.kind === 'named') this.#ports.release(port.ports);
        else if (port.kind === 'unknown') this.#unknownPorts.release(port.pods);
      }
    }
  }

  #planned(policy: Policy, rule: PolicyRule, direction: Direction): readonly PlannedRule[] {
    const { tier, isAudit } = policy;
    const { action, peer } = rule;
    const peers = (certainty: PeerCertainty): string | undefined => this.#peers.acquire(peer, certainty);
    const ports = (): PlannedRule['ports'] => rule.ports?.map((port) => this.#plannedPort(port, direction));
    const unknownPorts = (): readonly PlannedPort[] =>
      protocolsOfNames(rule.ports).map((protocol) => {
        return { kind: 'unknown', protocol, pods: this.#unknownPorts.acquire(direction) };
      });
    const planned = { tier, name: ruleName(policy, rule), action, isAudit, peers: peers('certain'), ports: ports() };
    if (action === 'allow') return [planned];
    const unsure = { tier, action: 'deny', isAudit: isAudit && action === 'deny' } as const;
    const all: PlannedRule[] = [planned];
    const asksNames = asksPortNames(rule);
    if (asksNames) {
      const name = ruleNameForUnknownPorts(policy, rule);
      all.push({ ...unsure, name, peers: peers('certain'), ports: unknownPorts() });
    }
    if (asksLabels(peer)) {
      const name = ruleNameForUnknown(policy, rule);
      const any = asksNames ? [...ports()!, ...unknownPorts()] : ports();
      all.push({ ...unsure, name, peers: peers('unknown'), ports: any });
    }
    return all;
  }

  #plannedPort(port: PolicyPort, direction: Direction): PlannedPort {
    if (port.kind !== 'name') return port;
    return { kind: 'named', ports: this.#ports.acquire({ name: port.name, protocol: port.protocol, direction }) };
  }
}
