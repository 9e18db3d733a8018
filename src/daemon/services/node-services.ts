/**
 * Has the kernel follow what is known of services: whatever their backends are chosen by, its change becomes one of the plan, and that one of
 * rules.
 *
 *     waiting ──services and pods are known──> begun: their plan takes the place of what the daemon before made ──> each change of it
 *        ^                                       │
 *        └── the first service comes, and pods of other nodes are not known
 *
 * Until then the table of the daemon before stays: a plan without pods of other nodes would refuse connections that have somewhere to go. They
 * are waited for, but not for ever.
 */
import type { Notice } from '../../api/control-api.ts';
import type { Clock } from '../../env/clock.ts';
import type { Logger } from '../../env/logger.ts';
import { mergedChanges, type ServicePlanChange } from '../../services/service-planner.ts';
import { NoticedWork } from '../process/noticed-work.ts';
import type { ServiceEnforcement } from './service-enforcement.ts';

/** How long pods of other nodes are waited for, in ms. */
export const SETTLING_WAIT_MS = 30_000;

/** How often it is looked whether there can be a plan, in ms. */
const LOOK_MS = 100;

export interface NodeServicesOptions {
  /** What is different in the plan since the last time. */
  readonly takeChange: () => ServicePlanChange;
  readonly enforcement: Pick<ServiceEnforcement, 'change' | 'repair'>;
  /** Whether it is known which services there are. */
  readonly isKnown: () => boolean;
  /** Whether the pods of all nodes are known, as far as anybody can tell. */
  readonly isSettled: () => boolean;
  /** Told of each change when the kernel has followed; of several at once, where it did not take some at first. */
  readonly onFollowed: (change: ServicePlanChange) => void;
  readonly clock: Clock;
  readonly logger: Logger;
}

const nothing: ServicePlanChange = { changed: [], gone: [] };

export class NodeServices {
  readonly #options: NodeServicesOptions;
  readonly #work: NoticedWork;
  #isBegun = false;
  /** There was a plan with services in it. */
  #isFilled = false;
  #isHeld = false;
  #isStopped = false;
  /** Pods of other nodes were waited for long enough. */
  #isLate = false;
  /** Changes that the kernel did not take. */
  #refused = nothing;

  constructor(options: NodeServicesOptions) {
    this.#options = options;
    this.#work = new NoticedWork((err, isNews) => {
      if (isNews) options.logger.error({ err }, 'services are not reached as they should be');
    });
  }

  /** Begins as soon as it can. */
  start(): void {
    const { clock } = this.#options;
    clock.after(SETTLING_WAIT_MS, () => {
      this.#isLate = true;
    });
    const look = (): void => {
      this.update();
      const isWaiting = !this.#isBegun || (!this.#isFilled && !this.#isLate);
      if (isWaiting && !this.#isStopped) clock.after(LOOK_MS, look);
    };
    look();
  }

  /** Whether there is a plan that is followed. */
  get isBegun(): boolean {
    return this.#isBegun && !this.#isHeld;
  }

  /** To be called whenever something may be another than before. What the kernel does not take is tried again, see {@link retry}. */
  update(): void {
    const { isKnown, isSettled, takeChange, enforcement } = this.#options;
    if (this.#isStopped) return;
    const isFirst = !this.#isBegun;
    this.#isHeld = !this.#isFilled && !(isKnown() && (this.#isLate || isSettled()));
    if (this.#isHeld) return;
    this.#isBegun = true;
    const change = takeChange();
    this.#isFilled ||= change.changed.length > 0;
    if (!isFirst && change.changed.length + change.gone.length === 0) return;
    this.#work.mend(() => this.#follow(() => enforcement.change(change), change));
  }

  /** Resolves when what was told is what the kernel does, as far as that could be had. */
  async followed(): Promise<void> {
    await this.#work.done();
  }

  /** Makes anew what the kernel did not take. To be called now and then. */
  async retry(): Promise<void> {
    if (this.#work.problem === '' || this.#isStopped) return;
    this.#work.mend(() => this.#follow(() => this.#options.enforcement.repair(), nothing));
    await this.#work.done();
  }

  /** What keeps it from following. What the kernel refuses is said by `ServiceEnforcement.notices`. */
  notices(): readonly Notice[] {
    if (this.#isBegun || !this.#isLate) return [];
    const message =
      'which services there are is not known yet: those that an earlier daemon had on this node are reached as before, and no others';
    return [{ code: 'services-unknown', message }];
  }

  /** Changes nothing any more. Resolves when what was begun is done. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#work.done();
  }

  async #follow(enforce: () => Promise<void>, change: ServicePlanChange): Promise<void> {
    try {
      await enforce();
    } catch (error) {
      this.#refused = mergedChanges([this.#refused, change]);
      throw error;
    }
    const all = mergedChanges([this.#refused, change]);
    this.#refused = nothing;
    this.#options.onFollowed(all);
  }
}
