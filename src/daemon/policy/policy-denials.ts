/** How many packets policies denied since the daemon started, by the counters that rules have in the kernel, which stay over a restart. */
import type { PolicyDrops } from '../../api/drop-api.ts';
import type { IsolationPlan } from '../../policy/node-plan.ts';
import type { PlanState } from '../../policy/plan-state.ts';
import { isolates } from '../../policy/plan-verdict.ts';
import { causeText } from '../../policy/verdict.ts';
import { CUT_TAG, HELD_TAG, tagOfIsolation, tagOfRule } from './policy-names.ts';

/** Least time between two readings, in ms: of a thousand policies one takes some milliseconds. */
const MIN_INTERVAL_MS = 1_000;

/** Rules that are remembered, those that are gone included; what any others denied is one sum. */
const MAX_RULES = 4_096;

export interface PolicyDenialsOptions {
  /** As the kernel has it. */
  readonly plan: () => PlanState | undefined;
  /** What the counters had when the daemon started: that is of earlier ones. Absent: there was no table. */
  readonly before?: ReadonlyMap<string, number> | undefined;
  /** Packets by the names of counters; `undefined`: there is no table. */
  readonly readCounters: () => ReadonlyMap<string, number> | undefined;
  /** Monotonic. */
  readonly nowMs: () => number;
}

/** Who denies, but for a number. */
type Denier = Pick<PolicyDrops, 'rule' | 'direction'>;

/** Of whatever is not remembered by its name. */
const OTHERS: Denier = { rule: 'other rules', direction: '' };

export class PolicyDenials {
  readonly #options: PolicyDenialsOptions;
  #counts: ReadonlyMap<string, number>;
  /** By tags. */
  readonly #denied = new Map<string, PolicyDrops>();
  #readAtMs = -Infinity;

  constructor(options: PolicyDenialsOptions) {
    this.#options = options;
    this.#counts = options.before ?? new Map();
  }

  /** Also by policies that are gone, as far as they were counted while they were there. Never falls. */
  get total(): number {
    this.#read();
    return [...this.#denied.values()].reduce((sum, { packets }) => sum + packets, 0);
  }

  /** Who denied any, the most frequent first. */
  byRule(): readonly PolicyDrops[] {
    this.#read();
    return [...this.#denied.values()].toSorted((a, b) => b.packets - a.packets);
  }

  #read(): void {
    const { plan, readCounters, nowMs } = this.#options;
    const state = plan();
    if (state === undefined || nowMs() - this.#readAtMs < MIN_INTERVAL_MS) return;
    this.#readAtMs = nowMs();
    const deniers = deniersOf(state);
    const counts = new Map([...(readCounters() ?? [])].filter(([tag]) => deniers.has(tag)));
    for (const [tag, packets] of counts) {
      const before = this.#counts.get(tag) ?? 0;
      // A table that was made anew counts from the beginning.
      const more = packets >= before ? packets - before : packets;
      if (more > 0) this.#add(tag, deniers.get(tag)!, more);
    }
    this.#counts = counts;
  }

  #add(tag: string, denier: Denier, more: number): void {
    const isKnown = this.#denied.has(tag) || this.#denied.size < MAX_RULES;
    const [key, who] = isKnown ? [tag, denier] : ['', OTHERS];
    this.#denied.set(key, { ...who, packets: (this.#denied.get(key)?.packets ?? 0) + more });
  }
}

/** By the names of their counters: in audit mode, nothing is dropped. */
function deniersOf(plan: PlanState): ReadonlyMap<string, Denier> {
  const { isolations } = plan.whole();
  return new Map<string, Denier>([
    [CUT_TAG, { rule: 'connections that are not allowed any more', direction: '' }],
    [HELD_TAG, { rule: 'pods for which there are no rules yet', direction: '' }],
    ...isolations.filter(isolates).map((isolation) => [tagOfIsolation(isolation), isolating(isolation)] as const),
    ...isolations.flatMap(({ rules, direction }) =>
      rules
        .filter(({ action, isAudit }) => action === 'deny' && !isAudit)
        .map((rule) => [tagOfRule(rule), { rule: rule.name, direction }] as const),
    ),
  ]);
}

function isolating({ isolatedBy, direction }: IsolationPlan): Denier {
  return { rule: causeText({ kind: 'isolated', policies: isolatedBy }), direction };
}
