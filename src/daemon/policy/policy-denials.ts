/** How many packets policies denied since the daemon started. */
import type { PolicyDrops } from '../../api/drop-api.ts';
import type { CounterReading, PolicyCounters } from './policy-counters.ts';

/** Rules that are remembered, those that are gone included; what any others denied is one sum. */
const MAX_RULES = 4_096;

/** Who denies, but for a number. */
type Denier = Pick<PolicyDrops, 'rule' | 'direction'>;

/** Of whatever is not remembered by its name. */
const OTHERS: Denier = { rule: 'other rules', direction: '' };

export class PolicyDenials {
  readonly #counters: Pick<PolicyCounters, 'look'>;
  /** By tags. */
  readonly #denied = new Map<string, PolicyDrops>();

  constructor(counters: Pick<PolicyCounters, 'look' | 'follow'>) {
    this.#counters = counters;
    counters.follow((reading) => this.#take(reading));
  }

  /** Also by policies that are gone, as far as they were counted while they were there. Never falls. */
  get total(): number {
    this.#counters.look();
    return [...this.#denied.values()].reduce((sum, { packets }) => sum + packets, 0);
  }

  /** Who denied any, the most frequent first. In audit mode, nothing is denied. */
  byRule(): readonly PolicyDrops[] {
    this.#counters.look();
    return [...this.#denied.values()].toSorted((a, b) => b.packets - a.packets);
  }

  #take({ rules, more }: CounterReading): void {
    for (const [tag, packets] of more) {
      const { rule, direction, effect } = rules.get(tag)!;
      if (effect === 'denied') this.#add(tag, { rule, direction }, packets);
    }
  }

  #add(tag: string, denier: Denier, more: number): void {
    const isKnown = this.#denied.has(tag) || this.#denied.size < MAX_RULES;
    const [key, who] = isKnown ? [tag, denier] : ['', OTHERS];
    this.#denied.set(key, { ...who, packets: (this.#denied.get(key)?.packets ?? 0) + more });
  }
}
