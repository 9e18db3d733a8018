/**
 * Has the kernel follow what is known of services: whatever their backends are chosen by, its change becomes one of the plan, and that one of
 * rules.
 *
 *     waiting ──services and pods are known──> begun: their plan takes the place of what the daemon before made ──> each change of it
 *
 * Until then the table of the daemon before stays: a plan without pods of other nodes would refuse connections that have somewhere to go. They
 * are waited for, but not for ever.
 */
import type { Notice } from '../../api/control-api.ts';
import type { Clock } from '../../env/clock.ts';
import type { Logger } from '../../env/logger.ts';
import { WeftError } from '../../errors.ts';
import type { ServicePlanChange } from '../../services/service-planner.ts';
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
  /** Told of each change when the kernel has followed, or it is known why not. */
  readonly onFollowed: (change: ServicePlanChange) => void;
  readonly clock: Clock;
  readonly logger: Logger;
}

export class NodeServices {
  readonly #options: NodeServicesOptions;
  #isBegun = false;
  #isStopped = false;
  /** Pods of other nodes were waited for long enough. */
  #isLate = false;
  /** Why the kernel does not have all of it; empty: it has. */
  #problem = '';
  #last: Promise<void> = Promise.resolve();

  constructor(options: NodeServicesOptions) {
    this.#options = options;
  }

  /** Begins as soon as it can. */
  start(): void {
    const { clock } = this.#options;
    clock.after(SETTLING_WAIT_MS, () => {
      this.#isLate = true;
    });
    const look = (): void => {
      this.update();
      if (!this.#isBegun && !this.#isStopped) clock.after(LOOK_MS, look);
    };
    look();
  }

  /** Whether there is a plan that is followed. */
  get isBegun(): boolean {
    return this.#isBegun;
  }

  /** To be called whenever something may be another than before. What the kernel does not take is tried again, see {@link retry}. */
  update(): void {
    const { isKnown, isSettled, takeChange, enforcement, onFollowed } = this.#options;
    if (this.#isStopped) return;
    const isFirst = !this.#isBegun;
    if (isFirst && !(isKnown() && (this.#isLate || isSettled()))) return;
    this.#isBegun = true;
    const change = takeChange();
    if (!isFirst && change.changed.length + change.gone.length === 0) return;
    this.#follow(async () => {
      try {
        await enforcement.change(change);
        this.#problem = '';
      } finally {
        onFollowed(change);
      }
    });
  }

  /** Resolves when what was told is what the kernel does, as far as that could be had. */
  async followed(): Promise<void> {
    await this.#last;
  }

  /** Makes anew what the kernel did not take. To be called now and then. */
  async retry(): Promise<void> {
    if (this.#problem === '' || this.#isStopped) return;
    this.#follow(async () => {
      await this.#options.enforcement.repair();
      this.#problem = '';
    });
    await this.#last;
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
    await this.#last;
  }

  #follow(work: () => Promise<void>): void {
    const done = this.#noticing(work);
    const before = this.#last;
    this.#last = done.then(() => before);
  }

  async #noticing(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      const problem = error instanceof WeftError ? error.message : String(error);
      if (problem !== this.#problem)
        this.#options.logger.error({ err: error }, 'services are not reached as they should be');
      this.#problem = problem;
    }
  }
}
