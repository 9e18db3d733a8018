/**
 * Services of the Kubernetes API, joined with the EndpointSlices that name their backends, and told to the planner of this node. A change of
 * a slice has its service looked at again, and no other.
 */
import { type ApiEndpointSlice, numbersIn, placesIn } from '../../kubernetes/api-endpoint-slice.ts';
import { type ApiService, serviceOf } from '../../kubernetes/api-service.ts';
import { mayBeUsed } from '../../services/reachable-backends.ts';
import { knownBackends } from '../../services/service-room.ts';
import type { Backend, ServicePort } from '../../services/service.ts';
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
    const placesOf = new Map(slices.map((slice) => [slice, placesIn(slice)]));
    const known = knownBackends(countsOf(service, placesOf));
    const all = [...placesOf].flatMap(([slice, places]) => places.map((place): Placed => ({ slice, place })));
    const inOrder = all.sort(inOrderOfUse);
    return new Map(service.ports.map((port) => [port.name, backendsOf(inOrder, port, known)]));
  }
}

/** A slice, and a pod that it names. */
interface Placed {
  readonly slice: ApiEndpointSlice;
  readonly place: Omit<Backend, 'port'>;
}

/** Of each port, and of each family. */
function countsOf(
  { ports }: ShownService,
  placesOf: ReadonlyMap<ApiEndpointSlice, readonly Placed['place'][]>,
): readonly number[] {
  const of = [...placesOf].map(([slice, places]) => {
    const ipv4 = places.filter(({ address }) => address.family === 4).length;
    return { slice, counts: [ipv4, places.length - ipv4] as const };
  });
  return ports.flatMap((port) => {
    const sums: [number, number] = [0, 0];
    for (const { slice, counts } of of) {
      const numbers = numbersIn(slice, port).length;
      sums[0] += counts[0] * numbers;
      sums[1] += counts[1] * numbers;
    }
    return sums;
  });
}

/** Those that may be used come first, where there are too many. @param known of each family at most */
function backendsOf(inOrder: readonly Placed[], port: ServicePort, known: number): readonly Backend[] {
  const numbers = new Map<ApiEndpointSlice, readonly number[]>();
  const counts = { 4: 0, 6: 0 };
  const backends: Backend[] = [];
  for (const { slice, place } of inOrder) {
    const { family } = place.address;
    if (counts[family] >= known) continue;
    const own = numbers.get(slice) ?? numbersIn(slice, port);
    numbers.set(slice, own);
    counts[family] += own.length;
    for (const number of own) backends.push({ ...place, port: number });
  }
  return backends.sort(byAddress);
}

function inOrderOfUse({ place: a }: Placed, { place: b }: Placed): number {
  return Number(mayBeUsed(b)) - Number(mayBeUsed(a)) || compareIpAddresses(a.address, b.address);
}

function keyOfService({ namespace, serviceName }: ApiEndpointSlice): string {
  return serviceKey({ namespace, name: serviceName });
}

function byAddress(a: Backend, b: Backend): number {
  return compareIpAddresses(a.address, b.address) || a.port - b.port;
}
