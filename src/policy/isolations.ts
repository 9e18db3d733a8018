/** What judges pods in one direction: one plan for all pods that the same policies select. */
import type { IsolationPlan } from './node-plan.ts';
import type { PlannedRules } from './planned-rules.ts';
import { type Direction, type Policy, titleOf } from './policy.ts';

interface UsedIsolation {
  readonly plan: IsolationPlan;
  /** Those whose rules are asked. */
  readonly asked: readonly Policy[];
  uses: number;
}

export class Isolations {
  readonly #rules: PlannedRules;
  readonly #touch: (key: string) => void;
  readonly #used = new Map<string, UsedIsolation>();

  /** @param touch a plan may be another one. */
  constructor(rules: PlannedRules, touch: (key: string) => void) {
    this.#rules = rules;
    this.#touch = touch;
  }

  /**
   * One more pod is selected by these, which judge this direction, in the order in which they are asked. The key of its plan.
   *
   * All pods with policies of the same titles have to be given the same policies: when one is replaced, they are released first.
   */
  acquire(direction: Direction, policies: readonly Policy[]): string {
    const key = [direction, ...policies.map(titleOf)].join(' ');
    const used = this.#used.get(key);
    if (used === undefined) this.#insert(key, direction, policies);
    else used.uses++;
    return key;
  }

  /** One pod less. */
  release(key: string): void {
    const used = this.#used.get(key)!;
    used.uses--;
    if (used.uses > 0) return;
    this.#used.delete(key);
    for (const policy of used.asked) this.#rules.release(policy, used.plan.direction);
    this.#touch(key);
  }

  keys(): Iterable<string> {
    return this.#used.keys();
  }

  read(key: string): IsolationPlan | undefined {
    return this.#used.get(key)?.plan;
  }

  #insert(key: string, direction: Direction, policies: readonly Policy[]): void {
    const isolating = policies.filter(({ tier }) => tier === 'namespace');
    const isAudit = isolating.length > 0 && isolating.every((policy) => policy.isAudit);
    const isEnd = isolating.length > 0 && !isAudit;
    const asked = policies.filter(({ tier }) => tier !== 'baseline' || !isEnd);
    const rules = asked.flatMap((policy) => this.#rules.acquire(policy, direction));
    const plan = { key, direction, rules, isolatedBy: isolating.map(titleOf), isAudit };
    this.#used.set(key, { plan, asked, uses: 1 });
    this.#touch(key);
  }
}
