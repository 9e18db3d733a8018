/** What judges pods in one direction: one plan for all pods that the same policies select. */
import { beyondMatches, MAX_NODE_MATCHES, plannedMatchesOf } from './match-counts.ts';
import type { IsolationPlan } from './node-plan.ts';
import type { PlannedRules } from './planned-rules.ts';
import { type Direction, type Policy, titleOf } from './policy.ts';

interface UsedIsolation {
  readonly key: string;
  readonly direction: Direction;
  readonly policies: readonly Policy[];
  /** Those whose rules are asked. */
  readonly asked: readonly Policy[];
  /** That the rules take. */
  readonly matches: number;
  /** `undefined`: it was not made yet. */
  plan: IsolationPlan | undefined;
  /** Whether the plan has the rules of the policies, which are acquired. */
  hasRules: boolean;
  uses: number;
}

/** In the place of rules for which there is no room, see {@link beyondMatches}. No policy of anybody is called so: it is no name in Kubernetes. */
const TOO_MANY_RULES = '(too-many-rules)';

export class Isolations {
  readonly #rules: PlannedRules;
  readonly #touch: (key: string) => void;
  readonly #used = new Map<string, UsedIsolation>();
  /** Whether there may be one without a plan, or room for another. */
  #isUnsettled = false;

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
    this.#isUnsettled = true;
    if (used.hasRules) this.#forgetRules(used);
    this.#touch(key);
  }

  /** Makes the plans of those that are new, and leaves out rules for which there is no room. To be called before any is read. */
  settle(): void {
    if (!this.#isUnsettled) return;
    this.#isUnsettled = false;
    const all = [...this.#used.values()];
    const beyond = beyondMatches(all, MAX_NODE_MATCHES);
    for (const used of all) {
      const hasRules = !beyond.has(used.key);
      if (used.plan !== undefined && used.hasRules === hasRules) continue;
      if (used.hasRules) this.#forgetRules(used);
      used.plan = hasRules ? this.#planOf(used) : planWithoutRules(used);
      used.hasRules = hasRules;
      this.#touch(used.key);
    }
  }

  keys(): Iterable<string> {
    return this.#used.keys();
  }

  read(key: string): IsolationPlan | undefined {
    return this.#used.get(key)?.plan;
  }

  #insert(key: string, direction: Direction, policies: readonly Policy[]): void {
    const isEnd = policies.some(({ tier, isAudit }) => tier === 'namespace' && !isAudit);
    const asked = policies.filter(({ tier }) => tier !== 'baseline' || !isEnd);
    const matches = plannedMatchesOf(asked, direction);
    this.#used.set(key, { key, direction, policies, asked, matches, plan: undefined, hasRules: false, uses: 1 });
    this.#isUnsettled = true;
  }

  #planOf({ key, direction, policies, asked }: UsedIsolation): IsolationPlan {
    const isolating = policies.filter(({ tier }) => tier === 'namespace');
    const isAudit = isolating.length > 0 && isolating.every((policy) => policy.isAudit);
    const rules = asked.flatMap((policy) => this.#rules.acquire(policy, direction));
    return { key, direction, rules, isolatedBy: isolating.map(titleOf), isAudit };
  }

  #forgetRules({ asked, direction }: UsedIsolation): void {
    for (const policy of asked) this.#rules.release(policy, direction);
  }
}

/** Whether it has no rules because there is no room for them: all that its policies judge is denied, unless they are in audit mode. */
export function lacksRoom({ isolatedBy }: IsolationPlan): boolean {
  return isolatedBy[0] === TOO_MANY_RULES;
}

/** Denies all that its policies judge, unless none of them may deny anything. */
function planWithoutRules({ key, direction, policies }: UsedIsolation): IsolationPlan {
  const isolatedBy = [TOO_MANY_RULES, ...policies.map(titleOf)];
  return { key, direction, rules: [], isolatedBy, isAudit: policies.every(({ isAudit }) => isAudit) };
}
