/**
 * Has the kernel follow what is known of policies: whatever packets are judged by, its change becomes one of the plan, and that one of rules.
 *
 *     waiting ──policies and pods are known──> begun: their plan takes the place of what the daemon before enforced ──> each change of it
 *
 * Until then the table of the daemon before stays, and pods that are made meanwhile are isolated. A plan without its policies would open what
 * these close: they are always waited for. One without the pods of other nodes would cut what comes from there: they are waited for, too, but
 * not for ever, and for less long while a pod is made.
 *
 * Whoever may write a policy must not end the daemon by it: an error that nobody expected leaves what is enforced as it is, isolates pods
 * that are made from then on, and is said. With each {@link NodePolicies.retry} all of the plan is tried anew.
 */
import type { Notice } from '../../api/control-api.ts';
import type { Clock } from '../../env/clock.ts';
import type { Logger } from '../../env/logger.ts';
import { WeftError } from '../../errors.ts';
import type { NodePlan, NodePlanChange } from '../../policy/node-plan.ts';
import type { NodePlanner } from '../../policy/node-planner.ts';
import { NoticedWork } from '../process/noticed-work.ts';
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
  /** Whether nobody tells of changes at the moment. */
  readonly isAway: () => boolean;
  /** Whether this node has heard of others, if there are said to be any, and of the pods of all that it has heard of: of some, maybe, not yet. */
  readonly isSettled: () => boolean;
  /** Told before rules change: what they counted may go with them. */
  readonly onRules: () => void;
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
  /** So were policies: it is to be said that there are none yet. */
  #isOverdue = false;
  readonly #work: NoticedWork;
  /** Whether there was an error that nobody expected: no change is followed until all of the plan is. */
  #isAmiss = false;

  constructor(options: NodePoliciesOptions) {
    this.#options = options;
    this.#work = new NoticedWork((err, isNews) => {
      this.#isAmiss ||= !(err instanceof WeftError);
      if (isNews) options.logger.error({ err }, 'network policies are not enforced as they should be');
    });
  }

  /** Begins as soon as it can. */
  start(): void {
    const { clock } = this.#options;
    clock.after(SETTLING_WAIT_MS, () => {
      this.#isLate = true;
      this.#isOverdue = true;
    });
    const look = (): void => {
      this.update();
      if (!this.#isBegun && !this.#isStopped) clock.after(LOOK_MS, look);
    };
    look();
  }

  /** Resolves when what was told is what the kernel does, as far as that could be had. */
  async followed(): Promise<void> {
    await this.#work.done();
  }

  /** Whether there is a plan that is followed. */
  get isBegun(): boolean {
    return this.#isBegun && !this.#isAmiss;
  }

  /**
   * Resolves when there is a plan. Pods of other nodes are waited for until {@link PLAN_WAIT_MS} have passed, and no longer from then on.
   * While nobody tells which policies there are, and after that time, without a plan.
   */
  async begun(): Promise<void> {
    const { clock, isAway, isKnown } = this.#options;
    if (this.#isBegun) return;
    this.update();
    if (!isKnown() && isAway()) return;
    const late = Promise.withResolvers<void>();
    clock.after(PLAN_WAIT_MS, () => {
      this.#isLate = true;
      this.update();
      late.resolve();
    });
    await Promise.race([this.#begun.promise, late.promise]);
  }

  /** To be called whenever something may be another than before. What the kernel does not take is tried again, see {@link retry}. */
  update(): void {
    const { isKnown, isSettled } = this.#options;
    if (this.#isStopped || this.#isAmiss) return;
    if (this.#isBegun) this.#work.begin(() => this.#enforceChange());
    else if (isKnown() && (this.#isLate || isSettled())) {
      this.#isBegun = true;
      this.#work.begin(() => this.#enforceAll());
      this.#begun.resolve();
    }
  }

  /** A pod that is there already has this device. */
  adopt(pod: string, device: string): void {
    this.#work.begin(() => this.#options.enforcement.prepare(pod, device));
  }

  /** Has the rules for a pod stand. To be called before its cable is made. @throws WeftError if they could not be made: it is not to be made then */
  async prepare(pod: string, device: string): Promise<void> {
    const { enforcement, isForbidden } = this.#options;
    if (this.isBegun || isForbidden()) return await enforcement.prepare(pod, device);
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
    this.#work.begin(() => this.#options.enforcement.release(pod));
    await this.#work.done();
  }

  /** Makes anew what the kernel did not take. To be called now and then. */
  async retry(): Promise<void> {
    if (this.#work.problem === '' || this.#isStopped) return;
    this.#work.mend(() => (this.#isAmiss ? this.#enforceAll() : this.#options.enforcement.repair()));
    await this.#work.done();
  }

  /** What keeps it from following. What the kernel refuses is said by `PolicyEnforcement.notices`. */
  notices(): readonly Notice[] {
    if (!this.#isAmiss) return this.#isBegun || !this.#isOverdue ? [] : [this.#unknownNotice()];
    const message =
      `network policies are enforced as they were, and pods that are made are isolated, as weft cannot follow what changed: ` +
      `this is a bug (${this.#work.problem})`;
    return [{ code: 'policy-not-enforced', message }];
  }

  #unknownNotice(): Notice {
    const ofPods = this.#options.isForbidden() ? 'open' : 'isolated in both directions';
    const message =
      'which network policies there are is not known: those that an earlier daemon enforced on this node still are, and no others; ' +
      `pods that are made are ${ofPods}`;
    return { code: 'policies-unknown', message };
  }

  /** Changes nothing any more. Resolves when what was begun is done. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#work.done();
  }

  async #enforceChange(): Promise<void> {
    const { planner, enforcement, onRules } = this.#options;
    const change = planner.takeChange();
    if (change.isolations.changed.length + change.isolations.gone.length > 0) onRules();
    if (!isEmpty(change)) await enforcement.change(change);
  }

  async #enforceAll(): Promise<void> {
    const { planner, enforcement, logger } = this.#options;
    this.#isAmiss = false;
    for (const [pod, device] of this.#held) this.adopt(pod, device);
    this.#held.clear();
    planner.takeChange();
    const plan = planner.plan();
    await enforcement.apply(plan);
    logger.info({ pods: plan.pods.length }, 'network policies are enforced from here on');
  }
}

function isEmpty(change: NodePlanChange): boolean {
  const kinds = Object.keys(change) as (keyof NodePlan)[];
  return kinds.every((kind) => change[kind].changed.length + change[kind].gone.length === 0);
}
