/** Whether the Kubernetes API tells what it takes for something, since when, and why not. */
import type { Logger } from '../../env/logger.ts';
import type { WatchState } from '../../kubernetes/object-watch.ts';
import { type ResourceName, resourcesFor, type WatchPurpose } from '../../kubernetes/watched-resource.ts';

/** How it is. */
export interface Reachability {
  /** Whether everything is watched now. */
  readonly isReachable: boolean;
  /** Since when it is so, or is not so, in ms since 1970. */
  readonly sinceMs: number;
  /** Why not; empty: it is, or nothing is known of why. */
  readonly problem: string;
}

/** How each resource is watched. */
export type WatchedResources = {
  readonly [Name in ResourceName]: { readonly isComplete: boolean; readonly state: WatchState };
};

const words: Readonly<Record<WatchPurpose, { readonly watched: string; readonly away: string }>> = {
  node: {
    watched: 'the Kubernetes API is watched',
    away: 'the Kubernetes API is away: what was known of it counts',
  },
  policy: {
    watched: 'policies of the Kubernetes API are watched',
    away: 'policies of the Kubernetes API are not watched: those that were known count',
  },
  service: {
    watched: 'services of the Kubernetes API are watched',
    away: 'services of the Kubernetes API are not watched: those that were known count',
  },
};

export class ApiReach {
  readonly #purpose: WatchPurpose;
  readonly #names: readonly ResourceName[];
  readonly #logger: Logger;
  readonly #wallClockMs: () => number;
  #current: Reachability;

  constructor(purpose: WatchPurpose, options: { readonly logger: Logger; readonly wallClockMs: () => number }) {
    this.#purpose = purpose;
    this.#names = resourcesFor([purpose]);
    this.#logger = options.logger;
    this.#wallClockMs = options.wallClockMs;
    this.#current = { isReachable: false, sinceMs: options.wallClockMs(), problem: '' };
  }

  get current(): Reachability {
    return this.#current;
  }

  /** @param death why nobody asks; empty: somebody does */
  judge(death: string, resources: WatchedResources): void {
    const troubled = this.#names.filter((name) => resources[name].state.problem !== '');
    const problem = death || troubled.map((name) => `${name}: ${resources[name].state.problem}`).join('; ');
    const isReachable = problem === '' && this.#names.every((name) => resources[name].isComplete);
    const before = this.#current;
    if (isReachable === before.isReachable) {
      this.#current = { ...before, problem };
      return;
    }
    this.#current = { isReachable, sinceMs: this.#wallClockMs(), problem };
    const { watched, away } = words[this.#purpose];
    if (isReachable) this.#logger.info({}, watched);
    else this.#logger.warn({ problem }, away);
  }
}
