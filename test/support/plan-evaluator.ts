/** What a kernel that does as a plan says would do to a flow. Only what is forwarded gets there. */
import type { IsolationPlan, NodePlan, PlannedPort, PlannedRule } from '../../src/policy/node-plan.ts';
import { type Direction, tiers } from '../../src/policy/policy.ts';
import type { Flow } from '../../src/policy/verdict.ts';
import { equalIpAddresses } from '../../src/wire/address.ts';
import { prefixContains } from '../../src/wire/prefix.ts';

export interface PlannedVerdict {
  readonly isAllowed: boolean;
  /** The rule, or who isolates; empty: neither. */
  readonly why: string;
  readonly audited: readonly string[];
}

/** At the edge of a pod, by its key. */
export function plannedVerdict(plan: NodePlan, pod: string, direction: Direction, flow: Flow): PlannedVerdict {
  const key = plan.pods.find((one) => one.pod === pod)?.[direction];
  const isolation = plan.isolations.find((one) => one.key === key);
  return isolation === undefined ? { isAllowed: true, why: '', audited: [] } : judge(plan, isolation, flow);
}

function judge(plan: NodePlan, { direction, rules, isolatedBy, isAudit }: IsolationPlan, flow: Flow): PlannedVerdict {
  const audited: string[] = [];
  for (const tier of tiers) {
    for (const rule of rules.filter((one) => one.tier === tier)) {
      if (!matches(plan, rule, direction, flow)) continue;
      if (rule.action === 'pass') break;
      if (rule.action === 'allow') return { isAllowed: true, why: rule.name, audited };
      if (!rule.isAudit) return { isAllowed: false, why: rule.name, audited };
      audited.push(rule.name);
    }
    if (tier !== 'namespace' || isolatedBy.length === 0) continue;
    const why = `isolated by ${isolatedBy.join(', ')}`;
    if (!isAudit) return { isAllowed: false, why, audited };
    audited.push(why);
  }
  return { isAllowed: true, why: '', audited };
}

function matches(plan: NodePlan, { peers, ports }: PlannedRule, direction: Direction, flow: Flow): boolean {
  const other = direction === 'ingress' ? flow.source : flow.destination;
  const set = plan.peerSets.find(({ key }) => key === peers);
  if (peers !== undefined && !set!.prefixes.some((prefix) => prefixContains(prefix, other))) return false;
  return ports === undefined || ports.some((port) => isPort(plan, port, flow));
}

function isPort(plan: NodePlan, port: PlannedPort, { destination, protocol, port: number }: Flow): boolean {
  if (port.kind === 'named') {
    const set = plan.portSets.find(({ key }) => key === port.ports);
    return set!.elements.some(
      (one) => equalIpAddresses(one.address, destination) && one.protocol === protocol && one.port === number,
    );
  }
  if (port.kind === 'unknown') {
    if (protocol === undefined || number === undefined || (port.protocol ?? protocol) !== protocol) return false;
    return plan.peerSets.find(({ key }) => key === port.pods)!.prefixes.some((one) => prefixContains(one, destination));
  }
  if (port.protocol !== protocol) return false;
  return port.kind === 'any' || (number !== undefined && number >= port.first && number <= port.last);
}
