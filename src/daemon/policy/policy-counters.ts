/**
 * What rules of policies count in the kernel, read now and then: connections that they allow or pass on, packets that they deny or would deny in
 * audit mode. The counters stay over a restart of the daemon; what counts here are those of its own time.
 */
import type { IsolationPlan, PlannedRule } from '../../policy/node-plan.ts';
import type { PlanState } from '../../policy/plan-state.ts';
import { isolates } from '../../policy/plan-verdict.ts';
import type { Direction } from '../../policy/policy.ts';
import { causeText } from '../../policy/verdict.ts';
import { CUT_TAG, HELD_TAG, tagOfIsolation, tagOfRule } from './policy-names.ts';

/** Least time between two readings, in ms: of a thousand policies one takes some milliseconds. */
const MIN_INTERVAL_MS = 1_000;

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

/** What was read. Times are those of `nowMs`. */
export interface CounterReading {
  /** All that the kernel counts, by their tags. */
  readonly rules: ReadonlyMap<string, CountedRule>;
  /** What was counted since the reading before, where there was anything. */
  readonly more: ReadonlyMap<string, number>;
  readonly atMs: number;
  /** When it was read before; `undefined`: never. */
  readonly beforeMs: number | undefined;
}

export interface PolicyCountersOptions {
  /** As the kernel has it. */
  readonly plan: () => PlanState | undefined;
  /** What the counters had when the daemon started: that is of earlier ones. Absent: there was no table. */
  readonly before?: ReadonlyMap<string, number> | undefined;
  /** By the names of counters; `undefined`: there is no table. */
  readonly readCounters: () => ReadonlyMap<string, number> | undefined;
  /** Monotonic. */
  readonly nowMs: () => number;
}

export class PolicyCounters {
  readonly #options: PolicyCountersOptions;
  readonly #followers: ((reading: CounterReading) => void)[] = [];
  #counts: ReadonlyMap<string, number>;
  #readAtMs: number | undefined;

  constructor(options: PolicyCountersOptions) {
    this.#options = options;
    this.#counts = options.before ?? new Map();
  }

  /** Has `follow` called with each reading. */
  follow(follow: (reading: CounterReading) => void): void {
    this.#followers.push(follow);
  }

  /** Reads, unless that was done just now. */
  look(): void {
    const { plan, readCounters, nowMs } = this.#options;
    const state = plan();
    const [atMs, beforeMs] = [nowMs(), this.#readAtMs];
    if (state === undefined || (beforeMs !== undefined && atMs - beforeMs < MIN_INTERVAL_MS)) return;
    this.#readAtMs = atMs;
    const rules = countedRules(state);
    const counts = new Map([...(readCounters() ?? [])].filter(([tag]) => rules.has(tag)));
    const more = new Map<string, number>();
    for (const [tag, count] of counts) {
      const before = this.#counts.get(tag) ?? 0;
      // A counter that was made anew counts from the beginning.
      const grown = count >= before ? count - before : count;
      if (grown > 0) more.set(tag, grown);
    }
    this.#counts = counts;
    for (const follow of this.#followers) follow({ rules, more, atMs, beforeMs });
  }
}

type Tagged = readonly (readonly [tag: string, rule: CountedRule])[];

/** Made once for each isolation, which does not change: a digest for each rule takes some time. */
const ofIsolations = new WeakMap<IsolationPlan, Tagged>();

const always: Tagged = [
  [CUT_TAG, ofNoPolicy('connections that are not allowed any more')],
  [HELD_TAG, ofNoPolicy('pods for which there are no rules yet')],
];

function countedRules(plan: PlanState): ReadonlyMap<string, CountedRule> {
  return new Map([...always, ...[...plan.isolations()].flatMap(taggedOf)]);
}

function taggedOf(isolation: IsolationPlan): Tagged {
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
    policies: isolatedBy,
    place: '',
    direction,
    effect: isolates(isolation) ? 'denied' : 'audited',
    meaning: '',
  };
}

function ofNoPolicy(rule: string): CountedRule {
  return { rule, policies: [], place: '', direction: '', effect: 'denied', meaning: '' };
}
