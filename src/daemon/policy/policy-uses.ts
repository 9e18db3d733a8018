/**
 * How often each rule of a policy was used at this node, since when that is counted, and when it was last. The kernel is asked now and then, so
 * that a last use may have been up to {@link USES_INTERVAL_MS} before the time that is told of it.
 */
import type { Clock } from '../../env/clock.ts';
import type { CountedRule } from './counted-rules.ts';
import type { CounterReading, PolicyCounters } from './policy-counters.ts';

/** How often the kernel is asked where nobody else does, in ms. */
export const USES_INTERVAL_MS = 10_000;

/** Rules that are remembered, those included that judge no pod of this node at the moment: as many as a node enforces, and as many again. */
const MAX_USES = 32_768;

/** Times are those of the clock of {@link PolicyCounters}. */
export interface RuleUse {
  readonly counted: CountedRule;
  /** Connections; of what is denied, or would be, packets. */
  readonly count: number;
  /** `undefined`: since the daemon started. Otherwise the last time at which the rule was not there, or said something else. */
  readonly sinceMs: number | undefined;
  /** `undefined`: not since then. */
  readonly lastMs: number | undefined;
}

export class PolicyUses {
  readonly #counters: Pick<PolicyCounters, 'look'>;
  /** By tags; those that were used last, or came last, at the end. */
  readonly #uses = new Map<string, RuleUse>();
  #present: ReadonlyMap<string, CountedRule> = new Map();
  readonly #most: number;

  constructor(counters: Pick<PolicyCounters, 'look' | 'follow'>, most = MAX_USES) {
    this.#counters = counters;
    this.#most = most;
    counters.follow((reading) => this.#take(reading));
  }

  /** Has the kernel asked from now on. @returns what ends that */
  start(clock: Pick<Clock, 'after'>): () => void {
    let isStopped = false;
    const look = (): void => {
      if (isStopped) return;
      this.#counters.look();
      clock.after(USES_INTERVAL_MS, look);
    };
    look();
    return () => (isStopped = true);
  }

  /** Of all rules by which pods of this node are judged now. */
  current(): readonly RuleUse[] {
    this.#counters.look();
    return [...this.#present.keys()].map((tag) => this.#uses.get(tag)!);
  }

  #take({ rules, more, atMs, beforeMs }: CounterReading): void {
    this.#present = rules;
    for (const [tag, counted] of rules) {
      const known = this.#uses.get(tag);
      const isSame = known?.counted.meaning === counted.meaning && known.counted.effect === counted.effect;
      const use = isSame ? known : { counted, count: 0, sinceMs: beforeMs, lastMs: undefined };
      const grown = more.get(tag);
      if (use === known && grown === undefined) continue;
      this.#uses.delete(tag);
      this.#uses.set(tag, grown === undefined ? use : { ...use, count: use.count + grown, lastMs: atMs });
    }
    for (const tag of this.#uses.keys()) {
      if (this.#uses.size <= this.#most) break;
      if (!rules.has(tag)) this.#uses.delete(tag);
    }
  }
}
