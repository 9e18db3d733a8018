/**
 * By what backends are chosen, where operators give services to the cluster: their objects, and the pods of all nodes. Told to the planner of
 * this node.
 */
import type { PolicyPod } from '../../policy/cluster-facts.ts';
import type { ServicePlanChange, ServicePlanner } from '../../services/service-planner.ts';
import { SelectedBackends } from '../../services/selected-backends.ts';
import type { ServiceRecord } from '../../services/service-record.ts';

export class ServiceFacts {
  readonly #planner: ServicePlanner;
  readonly #backends = new SelectedBackends();
  /** Keys of services without addresses. */
  readonly #headless = new Set<string>();

  constructor(planner: ServicePlanner) {
    this.#planner = planner;
  }

  /** As `PolicyFactsListener` is told of it. */
  setPod(pod: PolicyPod): void {
    this.#backends.setPod(pod);
  }

  /** @param key `PolicyPod.key` */
  removePod(key: string): void {
    this.#backends.removePod(key);
  }

  /** @param key as `serviceKey` makes it. @param record `undefined`: there is no such service any more */
  setService(key: string, record: ServiceRecord | undefined): void {
    this.#planner.setService(key, record);
    if (record?.isHeadless === true) this.#headless.add(key);
    else this.#headless.delete(key);
    this.#backends.setService(key, record);
    if (record === undefined) this.#planner.setBackends(key, undefined);
  }

  /** Whether any service has no addresses. */
  get hasHeadless(): boolean {
    return this.#headless.size > 0;
  }

  /** What is different in the plan since the last time. */
  takeChange(): ServicePlanChange {
    for (const [key, backends] of this.#backends.take()) this.#planner.setBackends(key, backends);
    return this.#planner.take();
  }
}
