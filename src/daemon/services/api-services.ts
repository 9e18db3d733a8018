/**
 * Services of the Kubernetes API, joined with the EndpointSlices that name their backends, and told to the planner of this node. A change of
 * a slice has its service looked at again, and no other.
 */
import { type ApiEndpointSlice, backendsIn } from '../../kubernetes/api-endpoint-slice.ts';
import { type ApiService, serviceOf } from '../../kubernetes/api-service.ts';
import type { Backend } from '../../services/service.ts';
import {
  type BackendsByPort,
  serviceKey,
  type ServicePlanChange,
  type ServicePlanner,
} from '../../services/service-planner.ts';
import type { ShownService } from '../../services/service-record.ts';
import { compareIpAddresses } from '../../wire/address.ts';

export class ApiServices {
  readonly #planner: ServicePlanner;
  readonly #services = new Map<string, ShownService>();
  readonly #slices = new Map<string, ApiEndpointSlice>();
  /** Keys of the slices of each service, which may be there before it. */
  readonly #slicesOf = new Map<string, Set<string>>();
  /** Services that are others than the planner knows, and those with other backends. */
  readonly #changed = new Set<string>();
  readonly #touched = new Set<string>();

  constructor(planner: ServicePlanner) {
    this.#planner = planner;
  }

  /** All of them, by the keys that `serviceKey` makes. */
  get services(): ReadonlyMap<string, ShownService> {
    return this.#services;
  }

  /** @param key as `serviceKey` makes it. @param record `undefined`: there is no such service any more */
  setService(key: string, record: ApiService | undefined): void {
    if (record === undefined) this.#services.delete(key);
    else this.#services.set(key, serviceOf(record));
    this.#changed.add(key);
    // By names and protocols of its ports.
    this.#touched.add(key);
  }

  /** @param key `NAMESPACE/NAME` of the slice. @param slice `undefined`: it is gone */
  setSlice(key: string, slice: ApiEndpointSlice | undefined): void {
    const before = this.#slices.get(key);
    if (before !== undefined) this.#remove(key, before);
    if (slice === undefined) return;
    this.#slices.set(key, slice);
    const service = keyOfService(slice);
    const slices = this.#slicesOf.get(service) ?? new Set();
    this.#slicesOf.set(service, slices.add(key));
    this.#touched.add(service);
  }

  /** What is different in the plan since the last time. */
  takeChange(): ServicePlanChange {
    for (const key of this.#touched) this.#planner.setBackends(key, this.#backendsOf(key));
    for (const key of this.#changed) this.#planner.setService(key, this.#services.get(key));
    this.#touched.clear();
    this.#changed.clear();
    return this.#planner.take();
  }

  #remove(key: string, slice: ApiEndpointSlice): void {
    const service = keyOfService(slice);
    const slices = this.#slicesOf.get(service)!;
    slices.delete(key);
    if (slices.size === 0) this.#slicesOf.delete(service);
    this.#slices.delete(key);
    this.#touched.add(service);
  }

  /** In order of addresses. While an endpoint goes from one slice to another, it is there twice. */
  #backendsOf(key: string): BackendsByPort | undefined {
    const service = this.#services.get(key);
    if (service === undefined) return undefined;
    const slices = [...(this.#slicesOf.get(key) ?? [])].map((one) => this.#slices.get(one)!);
    return new Map(
      service.ports.map((port) => [port.name, slices.flatMap((slice) => backendsIn(slice, port)).sort(byAddress)]),
    );
  }
}

function keyOfService({ namespace, serviceName }: ApiEndpointSlice): string {
  return serviceKey({ namespace, name: serviceName });
}

function byAddress(a: Backend, b: Backend): number {
  return compareIpAddresses(a.address, b.address) || a.port - b.port;
}
