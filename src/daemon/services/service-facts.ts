/**
 * By what backends are chosen, where operators give services to the cluster: their objects, and the pods of all nodes. Told to the planner of
 * this node.
 */
import type { PolicyPod } from '../../policy/cluster-facts.ts';
import { formatIpAddress, type IpAddress } from '../../wire/address.ts';
import type { ServicePlanChange, ServicePlanner } from '../../services/service-planner.ts';
import { SelectedBackends } from '../../services/selected-backends.ts';
import type { ServiceRecord } from '../../services/service-record.ts';

export class ServiceFacts {
  readonly #planner: ServicePlanner;
  readonly #backends = new SelectedBackends();
  /** Addresses of each pod, by its key. */
  readonly #addresses = new Map<string, readonly string[]>();
  /** By addresses. */
  readonly #holders = new Map<string, { readonly pod: string; readonly title: string }>();

  constructor(planner: ServicePlanner) {
    this.#planner = planner;
  }

  /** As `PolicyFactsListener` is told of it. */
  setPod(pod: PolicyPod): void {
    this.#forget(pod.key);
    const addresses = pod.addresses.map(formatIpAddress);
    this.#addresses.set(pod.key, addresses);
    for (const address of addresses)
      this.#holders.set(address, { pod: pod.key, title: `${pod.namespace}/${pod.name}` });
    this.#backends.setPod(pod);
  }

  /** @param key `PolicyPod.key` */
  removePod(key: string): void {
    this.#forget(key);
    this.#backends.removePod(key);
  }

  /** `shop/web`: which pod has an address; `undefined`: none that is known. */
  podAt(address: IpAddress): string | undefined {
    return this.#holders.get(formatIpAddress(address))?.title;
  }

  /** @param key as `serviceKey` makes it. @param record `undefined`: there is no such service any more */
  setService(key: string, record: ServiceRecord | undefined): void {
    this.#planner.setService(key, record);
    this.#backends.setService(key, record);
    if (record === undefined) this.#planner.setBackends(key, undefined);
  }

  /** What is different in the plan since the last time. */
  takeChange(): ServicePlanChange {
    for (const [key, backends] of this.#backends.take()) this.#planner.setBackends(key, backends);
    return this.#planner.take();
  }

  #forget(pod: string): void {
    for (const address of this.#addresses.get(pod) ?? [])
      // Another may have it by now.
      if (this.#holders.get(address)?.pod === pod) this.#holders.delete(address);
    this.#addresses.delete(pod);
  }
}
