/** One policy of a running cluster: its rules with what they mean, and how often each was used. As `--json` prints it. */
import type { PolicyReport, PolicyRuleCounts, RuleCount } from '../api/policy-api.ts';
import type { SilentNode } from '../api/silent-node.ts';
import { selects } from '../policy/label-selector.ts';
import { type Direction, directions, type PolicyRule, type RuleAction } from '../policy/policy.ts';
import { podWords, ruleWords } from '../policy/rule-words.ts';
import { findPolicy, headOf, type ListedPolicy, PodFinder } from './policy-listing.ts';
import { clusterOf } from './policy-question.ts';

export interface PolicyDetail extends Omit<ListedPolicy, 'pods' | 'allowed' | 'denied' | 'audited' | 'last'> {
  /** The node that was asked. */
  readonly node: string;
  /** Whom it selects, in words. */
  readonly subject: string;
  readonly pods: readonly DetailedPod[];
  /** In the order in which they are asked. */
  readonly rules: readonly DetailedRule[];
  /** What is denied, or would be in audit mode, though no rule says so: as none allows it, or as labels of its other end are not known. */
  readonly others: readonly OtherDenial[];
  readonly missing: readonly SilentNode[];
  readonly notices: readonly string[];
}

export interface DetailedPod {
  /** `shop/web`. */
  readonly pod: string;
  readonly node: string;
  /** `false`: that is not known, as its labels are not. */
  readonly known: boolean;
}

export interface Use {
  /** Connections of what is allowed or passed on; packets of what is denied, or would be. */
  readonly count: number;
  /** Since when all of the nodes count it; empty: no node does, as it judges no pod. */
  readonly since: string;
  /** When it was last; empty: not since then. */
  readonly last: string;
  /** Whose pods it judges. */
  readonly nodes: readonly string[];
}

export interface DetailedRule extends Use {
  /** `ingress[2].from[0]`. */
  readonly place: string;
  readonly direction: Direction;
  /** What its author calls it; empty: nothing. */
  readonly title: string;
  readonly action: RuleAction;
  /** `pods app=web of shop, tcp 80`. */
  readonly meaning: string;
  /** Pods, or nodes, that it means now; `null`: it means addresses. */
  readonly peers: number | null;
}

export interface OtherDenial extends Use {
  readonly direction: Direction;
  /** With the first of those that isolate the same pods: `isolated by shop/db, shop/default-deny, no rule matches`. */
  readonly cause: string;
  readonly effect: RuleCount['effect'];
}

/** @param title of the policy. @throws WeftError `usage` if there is none */
export function detailPolicy(report: PolicyReport, counts: PolicyRuleCounts, title: string): PolicyDetail {
  const { known, policy } = findPolicy(report, title);
  const finder = new PodFinder(clusterOf(report, undefined));
  const podsOf = (isSelected: true | undefined): readonly DetailedPod[] =>
    finder
      .find(policy.subject, isSelected)
      .map(({ key, nodeName }) => ({ pod: key, node: nodeName, known: isSelected === true }));
  const rules = directions.flatMap((direction) =>
    policy[direction].map((rule): DetailedRule => ({
      place: rule.place,
      direction,
      title: rule.title,
      action: rule.action,
      meaning: ruleWords(rule),
      peers: peersOf(rule, finder, report),
      ...useOf(counts.rules.filter((one) => isOf(one, rule, direction, policy.isAudit))),
    })),
  );
  const isAnyRule = (one: RuleCount): boolean =>
    policy[one.direction].some((rule) => isOf(one, rule, one.direction, policy.isAudit));
  return {
    node: report.node,
    ...headOf(known, policy),
    subject: podWords(policy.subject),
    pods: [...podsOf(true), ...podsOf(undefined)],
    rules,
    others: counts.rules
      .filter((one) => !isAnyRule(one) && (one.place === '' || one.count > 0))
      .map((one): OtherDenial => {
        return { direction: one.direction, cause: one.rule, effect: one.effect, ...useOf([one]) };
      }),
    missing: counts.missing,
    notices: report.notices.map(({ message }) => message),
  };
}

function isOf(one: RuleCount, { place, action }: PolicyRule, direction: Direction, isAudit: boolean): boolean {
  return one.place === place && one.direction === direction && one.effect === effectOf(action, isAudit);
}

function effectOf(action: RuleAction, isAudit: boolean): RuleCount['effect'] {
  if (action === 'deny') return isAudit ? 'audited' : 'denied';
  return action === 'pass' ? 'passed' : 'allowed';
}

function useOf([counted]: readonly RuleCount[]): Use {
  if (counted === undefined) return { count: 0, since: '', last: '', nodes: [] };
  const { count, since, last, nodes } = counted;
  return { count, since, last, nodes };
}

function peersOf({ peer }: PolicyRule, finder: PodFinder, { nodes }: PolicyReport): number | null {
  if (peer.kind === 'none') return 0;
  if (peer.kind === 'pods') return finder.find(peer.pods, true).length;
  return peer.kind === 'nodes' ? nodes.filter(({ labels }) => selects(peer.nodes, labels)).length : null;
}
