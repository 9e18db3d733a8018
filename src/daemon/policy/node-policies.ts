/**
 * Has the kernel follow what is known of policies: whatever packets are judged by, its change becomes one of the plan, and that one of rules.
 *
 *     waiting ──policies and pods are known──> begun: their plan takes the place of what the daemon before enforced ──> each change of it
 *
 * Until then the table of the daemon before stays, and pods that are made meanwhile are isolated. A plan without its policies would open what
 * these close: they are always waited for. One without the pods of other nodes would cut what comes from there: they are waited for as long
 * as no pod is made.
 */
import type { Clock } from '../../env/clock.ts';
import type { Logger } from '../../env/logger.ts';
import { WeftError } from '../../errors.ts';
import type { NodePlan, NodePlanChange } from '../../policy/node-plan.ts';
import type { NodePlanner } from '../../policy/node-planner.ts';
import type { PolicyEnforcement } from './policy-enforcement.ts';

/** How long a pod that is made waits for the first plan, in ms: an API server that is there lists policies within a fraction of that. */
export const PLAN_WAIT_MS = 2_000;

/** How long pods of other nodes are waited for, in ms: one that never answers is no reason to leave things as they were. */
export const SETTLING_WAIT_MS = 30_000;

/** How often it is looked whether there can be a plan, in ms. */
const LOOK_MS = 100;

export interface NodePoliciesOptions {
  readonly planner: Pick<NodePlanner, 'plan' | 'takeChange'>;
  readonly enforcement: Pick<PolicyEnforcement, 'apply' | 'change' | 'prepare' | 'hold' | 'release' | 'repair'>;
  /** Whether it is known which policies there are. */
  readonly isKnown: () => boolean;
  /** Whether the node has not the right to see them: then pods are open without a plan, as there may never be one. */
  readonly isForbidden: () => boolean;
  /** Whether nobody tells them at the moment. */
  readonly isAway: () => boolean;
  /** Whether all nodes are known, and their pods. */
  readonly isSettled: () => boolean;
  readonly clock: Clock;
  readonly logger: Logger;
}

export class NodePolicies {
  readonly #options: NodePoliciesOptions;
  readonly #begun = Promise.withResolvers<void>();
  /** Devices of pods that are isolated until there is a plan. */
  readonly #held = new Map<string, string>();
  #isBegun = false;
  #isStopped = false;
  /** Pods of other nodes were waited for long enough. */
  #isLate = false;
  /** Why the kernel does not have all of it; empty: it has. */
  #problem = '';
  #last: Promise<void> = Promise.resolve();

  constructor(options: NodePoliciesOptions) {
    this.#options = options;
  }

  /** Begins as soon as it can. */
  start(): void {
    const { clock } = this.#options;
    clock.after(SETTLING_WAIT_MS, () => (this.#isLate = true));
    const look = (): void => {
      this.update();
      if (!this.#isBegun && !this.#isStopped) clock.after(LOOK_MS, look);
    };
    look();
  }

  /** Whether there is a plan. */
  get isBegun(): boolean {
    return this.#isBegun;
  }

  /**
   * Resolves when there is a plan, for which other nodes are waited for no longer. After {@link PLAN_WAIT_MS}, and while nobody tells which
   * policies there are, without one.
   */
  async begun(): Promise<void> {
    const { clock, isAway } = this.#options;
    if (this.#isBegun) return;
    this.#isLate = true;
    this.update();
    if (isAway()) return;
    const late = Promise.withResolvers<void>();
    clock.after(PLAN_WAIT_MS, late.resolve);
    await Promise.race([this.#begun.promise, late.promise]);
  }

  /** To be called whenever something may be another than before. What the kernel does not take is tried again, see {@link retry}. */
  update(): void {
    const { planner, enforcement, isKnown, isSettled, logger } = this.#options;
    if (this.#isStopped) return;
    if (this.#isBegun) {
      const change = planner.takeChange();
      if (!isEmpty(change)) this.#follow(enforcement.change(change));
    } else if (isKnown() && (this.#isLate || isSettled())) {
      this.#isBegun = true;
      for (const [pod, device] of this.#held) this.adopt(pod, device);
      this.#held.clear();
      planner.takeChange();
      const plan = planner.plan();
      this.#follow(enforcement.apply(plan));
      this.#begun.resolve();
      logger.info({ pods: plan.pods.length }, 'network policies are enforced from here on');
    }
  }

  /** A pod that is there already has this device. */
  adopt(pod: string, device: string): void {
    this.#follow(this.#options.enforcement.prepare(pod, device));
  }

  /** Has the rules for a pod stand. To be called before its cable is made. @throws WeftError if they could not be made: it is not to be made then */
  async prepare(pod: string, device: string): Promise<void> {
    const { enforcement, isForbidden } = this.#options;
    if (this.#isBegun || isForbidden()) return await enforcement.prepare(pod, device);
    this.#held.set(pod, device);
    await enforcement.hold(pod, device);
  }

  /** Whether a pod is isolated until there is a plan. */
  isHolding(pod: string): boolean {
    return this.#held.has(pod);
  }

  /** Forgets the device of a pod. To be called when that is gone. */
  async release(pod: string): Promise<void> {
    this.#held.delete(pod);
    this.#follow(this.#options.enforcement.release(pod));
    await this.#last;
  }

  /** Makes anew what the kernel did not take. */
  async retry(): Promise<void> {
    if (this.#problem === '') return;
    this.#problem = '';
    this.#follow(this.#options.enforcement.repair());
    await this.#last;
  }

  /** Changes nothing any more. Resolves when what was begun is done. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#last;
  }

  #follow(work: Promise<void>): void {
    this.#last = this.#noticing(work);
  }

  async #noticing(work: Promise<void>): Promise<void> {
    try {
      await work;
    } catch (error) {
      if (!(error instanceof WeftError)) throw error;
      if (error.message !== this.#problem)
        this.#options.logger.error({ err: error }, 'network policies are not enforced as they should be');
      this.#problem = error.message;
    }
  }
}

function isEmpty(change: NodePlanChange): boolean {
  const kinds = Object.keys(change) as (keyof NodePlan)[];
  return kinds.every((kind) => change[kind].changed.length + change[kind].gone.length === 0);
}
