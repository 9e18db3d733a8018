/** What has a counter in the table of policies, and tells of packets: rules, isolations, and what no policy decides. By their tags. */
import type { IsolationPlan, PlannedRule } from '../../policy/node-plan.ts';
import type { PlanState } from '../../policy/plan-state.ts';
import { isolates } from '../../policy/plan-verdict.ts';
import type { Direction } from '../../policy/policy.ts';
import { causeText } from '../../policy/verdict.ts';
import { CUT_TAG, HELD_TAG, tagOfIsolation, tagOfRule } from './policy-names.ts';

/** What becomes of whatever a rule counts. */
export type CountedEffect = 'allowed' | 'passed' | 'denied' | 'audited';

/** What has a counter. */
export interface CountedRule {
  /** `shop/web ingress[0].from[0]`; or why no rule decided: `isolated by shop/web, no rule matches`. */
  readonly rule: string;
  /** Titles: that of its policy, or of all that isolate. None: of no policy. */
  readonly policies: readonly string[];
  /** Where the rule stands in its policy; empty: it is none. */
  readonly place: string;
  /** As the pod sees it that is selected; empty: in either. */
  readonly direction: Direction | '';
  readonly effect: CountedEffect;
  /** Whom and what it is about: another rule in the same place has another one. */
  readonly meaning: string;
}

export type Tagged = readonly (readonly [tag: string, rule: CountedRule])[];

/** Made once for each isolation, which does not change: a digest for each rule takes some time. */
const ofIsolations = new WeakMap<IsolationPlan, Tagged>();

/** Of no policy. */
export const always: Tagged = [
  [CUT_TAG, ofNoPolicy('connections that are not allowed any more')],
  [HELD_TAG, ofNoPolicy('pods for which there are no rules yet')],
];

/** All that the kernel counts. */
export function countedRules(plan: PlanState): ReadonlyMap<string, CountedRule> {
  return new Map([...always, ...[...plan.isolations()].flatMap(taggedOf)]);
}

/** Rules of an isolation, and what none of them decides. */
export function taggedOf(isolation: IsolationPlan): Tagged {
  const known = ofIsolations.get(isolation);
  if (known !== undefined) return known;
  const { rules, direction, isolatedBy } = isolation;
  const tagged: Tagged = [
    ...rules.map((rule) => [tagOfRule(rule), ofRule(rule, direction)] as const),
    ...(isolatedBy.length === 0 ? [] : [[tagOfIsolation(isolation), ofIsolation(isolation)] as const]),
  ];
  ofIsolations.set(isolation, tagged);
  return tagged;
}

const effects = { allow: 'allowed', pass: 'passed', deny: 'denied' } as const;

function ofRule({ name, action, isAudit, peers, ports }: PlannedRule, direction: Direction): CountedRule {
  // No title has a space.
  const at = name.indexOf(' ');
  return {
    rule: name,
    policies: [name.slice(0, at)],
    place: name.slice(at + 1),
    direction,
    effect: action === 'deny' && isAudit ? 'audited' : effects[action],
    meaning: JSON.stringify([action, peers ?? null, ports ?? null]),
  };
}

function ofIsolation(isolation: IsolationPlan): CountedRule {
  const { isolatedBy, direction } = isolation;
  return {
    rule: causeText({ kind: 'isolated', policies: isolatedBy }),
    // What stands in the place of policies is none: no name in Kubernetes has a bracket.
    policies: isolatedBy.filter((title) => !title.includes('(')),
    place: '',
    direction,
    effect: isolates(isolation) ? 'denied' : 'audited',
    meaning: '',
  };
}

function ofNoPolicy(rule: string): CountedRule {
  return { rule, policies: [], place: '', direction: '', effect: 'denied', meaning: '' };
}
