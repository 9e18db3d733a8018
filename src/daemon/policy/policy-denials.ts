/** How many packets policies denied, by the counters that rules have in the kernel, which stay over a restart. */
import type { PlanState } from '../../policy/plan-state.ts';
import { isolates } from '../../policy/plan-verdict.ts';
import { CUT_TAG, HELD_TAG, tagOfIsolation, tagOfRule } from './policy-names.ts';

/** Least time between two readings, in ms: of a thousand policies one takes some milliseconds. */
const MIN_INTERVAL_MS = 1_000;

export interface PolicyDenialsOptions {
  /** As the kernel has it. */
  readonly plan: () => PlanState | undefined;
  /** Packets by the names of counters; `undefined`: there is no table. */
  readonly readCounters: () => ReadonlyMap<string, number> | undefined;
  /** Monotonic. */
  readonly nowMs: () => number;
}

export class PolicyDenials {
  readonly #options: PolicyDenialsOptions;
  #counts: ReadonlyMap<string, number> = new Map();
  #total = 0;
  #readAtMs = -Infinity;

  constructor(options: PolicyDenialsOptions) {
    this.#options = options;
  }

  /** Also by policies that are gone, as far as they were counted while they were there. Never falls. */
  get total(): number {
    const { plan, readCounters, nowMs } = this.#options;
    const state = plan();
    if (state === undefined || nowMs() - this.#readAtMs < MIN_INTERVAL_MS) return this.#total;
    this.#readAtMs = nowMs();
    const denying = denyingTags(state);
    const counts = new Map([...(readCounters() ?? [])].filter(([name]) => denying.has(name)));
    for (const [name, packets] of counts) {
      const before = this.#counts.get(name) ?? 0;
      // A table that was made anew counts from the beginning.
      this.#total += packets >= before ? packets - before : packets;
    }
    this.#counts = counts;
    return this.#total;
  }
}

/** Names of the counters of what is dropped: in audit mode, nothing is. */
function denyingTags(plan: PlanState): ReadonlySet<string> {
  const { isolations } = plan.whole();
  return new Set([
    CUT_TAG,
    HELD_TAG,
    ...isolations.filter(isolates).map(tagOfIsolation),
    ...isolations.flatMap(({ rules }) =>
      rules.filter(({ action, isAudit }) => action === 'deny' && !isAudit).map(tagOfRule),
    ),
  ]);
}
