/**
 * What rules of policies count in the kernel, read now and then: connections that they allow or pass on, packets that they deny or would deny in
 * audit mode. The counters stay over a restart of the daemon; what counts here are those of its own time.
 */
import type { PlanState } from '../../policy/plan-state.ts';
import { type CountedRule, countedRules } from './counted-rules.ts';

/** Least time between two readings, in ms: of a thousand policies one takes some milliseconds. */
const MIN_INTERVAL_MS = 1_000;

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
  /** By the names of counters; `undefined`: there is no table, or they could not be read. */
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
    const read = readCounters();
    // What could not be read is as it was: otherwise all of it would count once more.
    const counts = read === undefined ? this.#counts : new Map([...read].filter(([tag]) => rules.has(tag)));
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
