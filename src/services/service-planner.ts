/**
 * What becomes of packets to all services at one node. Services and backends change one by one, and what such a change makes different is
 * told, without going through the others.
 */
import { equalIpAddresses, formatIpAddress, type IpAddress } from '../wire/address.ts';
import { type Destination, type Frontend, type FrontendKind, planService, type PlanningNode } from './service-plan.ts';
import {
  elementsOf,
  fairLimit,
  fitService,
  SERVICE_LIMITS,
  type ServiceCut,
  type ServiceLimits,
} from './service-room.ts';
import type { Backend, Service, ServiceProtocol } from './service.ts';

/** By the name of their port. */
export type BackendsByPort = ReadonlyMap<string, readonly Backend[]>;

/** What is not as it was the last time; of what is gone, the key: see {@link frontendKey}. */
export interface ServicePlanChange {
  readonly changed: readonly Frontend[];
  readonly gone: readonly string[];
}

/**
 * Of all that want the same address, protocol and port, the first has it; of the same kind, the first by name. Last come addresses that whoever
 * makes a service writes into it: nobody gets by them what the cluster assigned to others.
 */
const kindOrder: readonly FrontendKind[] = ['cluster', 'load-balancer', 'node-port', 'external'];

/** `192.0.2.1 TCP 80`: unique in a plan. */
export function frontendKey(frontend: { address: IpAddress; protocol: ServiceProtocol; port: number }): string {
  return `${formatIpAddress(frontend.address)} ${frontend.protocol} ${frontend.port}`;
}

/** `shop/web` */
export function serviceKey({ namespace, name }: Pick<Service, 'namespace' | 'name'>): string {
  return `${namespace}/${name}`;
}

/** One change for several, one after the other: of each frontend, what came last. */
export function mergedChanges(changes: readonly ServicePlanChange[]): ServicePlanChange {
  const last = new Map<string, Frontend | undefined>();
  for (const { changed, gone } of changes) {
    for (const key of gone) last.set(key, undefined);
    for (const frontend of changed) last.set(frontendKey(frontend), frontend);
  }
  return {
    changed: [...last.values()].filter((frontend) => frontend !== undefined),
    gone: [...last].flatMap(([key, frontend]) => (frontend === undefined ? [key] : [])),
  };
}

/** Who has a place that a service wants. */
export type PlaceHolder = Pick<Frontend, 'service'> & { readonly kind?: FrontendKind };

const weftItself: PlaceHolder = { service: 'weft itself' };

const noBackends: BackendsByPort = new Map();

export class ServicePlanner {
  #node: PlanningNode;
  readonly #services = new Map<string, Service>();
  readonly #backends = new Map<string, BackendsByPort>();
  readonly #frontends = new Map<string, readonly Frontend[]>();
  /** All that want it, by key of the frontend. */
  readonly #claims = new Map<string, Set<Frontend>>();
  /** Who has it of {@link #claims}, as far as somebody asked: thousands may claim one place. */
  readonly #holders = new Map<string, Frontend>();
  /** Places of weft itself. */
  #reserved: ReadonlySet<string> = new Set();
  readonly #touched = new Set<string>();
  readonly #told = new Map<string, Frontend>();
  /** Elements that each would have, if it may have no more than one service may. */
  readonly #elements = new Map<string, number>();
  readonly #cuts = new Map<string, ServiceCut>();
  readonly #limits: ServiceLimits;
  /** Of one service, as long as all are as they are. */
  #limit: number;
  /** Of all, as in {@link #elements}. */
  #total = 0;

  constructor(node: PlanningNode, limits = SERVICE_LIMITS) {
    this.#node = node;
    this.#limits = limits;
    this.#limit = limits.service;
  }

  /** The node is called otherwise, or has other addresses: all services are planned anew. */
  moveTo(node: PlanningNode): void {
    this.#node = node;
    for (const key of this.#services.keys()) this.#plan(key);
  }

  /** @param service `undefined`: there is none of this key any more. */
  setService(key: string, service: Service | undefined): void {
    if (service === undefined) this.#services.delete(key);
    else this.#services.set(key, service);
    this.#plan(key);
  }

  /** May come before the service. @param backends `undefined`: nothing is known of any. */
  setBackends(key: string, backends: BackendsByPort | undefined): void {
    if (backends === undefined) this.#backends.delete(key);
    else this.#backends.set(key, backends);
    if (this.#services.has(key)) this.#plan(key);
  }

  /** Places that no service gets, whatever it says. @param keys as {@link frontendKey} makes them */
  reserve(keys: ReadonlySet<string>): void {
    for (const key of keys) if (!this.#reserved.has(key)) this.#touched.add(key);
    for (const key of this.#reserved) if (!keys.has(key)) this.#touched.add(key);
    this.#reserved = keys;
  }

  /** What is different since the last time, in no order. */
  take(): ServicePlanChange {
    this.#share();
    const changed: Frontend[] = [];
    const gone: string[] = [];
    for (const key of this.#touched) {
      const before = this.#told.get(key);
      const now = this.#reserved.has(key) ? undefined : this.holder(key);
      if (now === undefined) {
        if (this.#told.delete(key)) gone.push(key);
      } else if (before === undefined || !isSameFrontend(before, now)) {
        this.#told.set(key, now);
        changed.push(now);
      }
    }
    this.#touched.clear();
    return { changed, gone };
  }

  /** All that the ports of a service have, usable here or not, by the names of the ports. */
  backends(key: string): BackendsByPort {
    return this.#backends.get(key) ?? noBackends;
  }

  /** Which service has it, if it is not {@link reserve}d. */
  holder(key: string): Frontend | undefined {
    const claims = this.#claims.get(key);
    if (claims === undefined) return undefined;
    const holder =
      this.#holders.get(key) ?? [...claims].reduce((first, claim) => (isBefore(claim, first) ? claim : first));
    this.#holders.set(key, holder);
    return holder;
  }

  /** Those of a service that another service has, or weft itself, and the one that has it. */
  refused(key: string): readonly { readonly frontend: Frontend; readonly holder: PlaceHolder }[] {
    return (this.#frontends.get(key) ?? []).flatMap((frontend) => {
      const place = frontendKey(frontend);
      const holder = this.#reserved.has(place) ? weftItself : this.holder(place)!;
      return holder === frontend ? [] : [{ frontend, holder }];
    });
  }

  /** What there is no room for; `undefined`: all of the service is in the plan. */
  cut(key: string): ServiceCut | undefined {
    return this.#cuts.get(key);
  }

  /** Of how many services there is something left out. */
  get cuts(): number {
    return this.#cuts.size;
  }

  #plan(key: string): void {
    for (const frontend of this.#frontends.get(key) ?? []) this.#giveUp(frontend);
    const service = this.#services.get(key);
    const backends = this.backends(key);
    const whole = service && planService(service, ({ name }) => backends.get(name) ?? [], this.#node);
    this.#count(key, elementsOf(whole ?? []));
    const { frontends, cut } = fitService(whole ?? [], this.#limit);
    if (cut === undefined) this.#cuts.delete(key);
    else this.#cuts.set(key, cut);
    if (frontends.length === 0) this.#frontends.delete(key);
    else this.#frontends.set(key, frontends);
    for (const frontend of frontends) this.#claim(frontend);
  }

  #count(key: string, elements: number): void {
    const counted = Math.min(elements, this.#limits.service);
    this.#total += counted - (this.#elements.get(key) ?? 0);
    if (counted === 0) this.#elements.delete(key);
    else this.#elements.set(key, counted);
  }

  /** Plans anew what is cut otherwise now. It depends on what there is, and not on the order in which it came. */
  #share(): void {
    const isRoom = this.#total <= this.#limits.total;
    const limit = isRoom ? this.#limits.service : fairLimit(this.#elements.values(), this.#limits);
    const least = Math.min(limit, this.#limit);
    const isOther = limit !== this.#limit;
    this.#limit = limit;
    if (isOther) for (const [key, elements] of this.#elements) if (elements > least) this.#plan(key);
  }

  #claim(frontend: Frontend): void {
    const key = frontendKey(frontend);
    const claims = this.#claims.get(key) ?? new Set();
    this.#claims.set(key, claims.add(frontend));
    const holder = this.#holders.get(key);
    if (holder !== undefined && isBefore(frontend, holder)) this.#holders.set(key, frontend);
    this.#touched.add(key);
  }

  #giveUp(frontend: Frontend): void {
    const key = frontendKey(frontend);
    const claims = this.#claims.get(key)!;
    claims.delete(frontend);
    if (this.#holders.get(key) === frontend) this.#holders.delete(key);
    if (claims.size === 0) this.#claims.delete(key);
    this.#touched.add(key);
  }
}

function isBefore(a: Frontend, b: Frontend): boolean {
  const order = kindOrder.indexOf(a.kind) - kindOrder.indexOf(b.kind);
  return order === 0 ? a.service < b.service : order < 0;
}

function isSameFrontend(a: Frontend, b: Frontend): boolean {
  const { inside, outside, ...rest } = a;
  const { inside: otherInside, outside: otherOutside, ...otherRest } = b;
  return (
    isSameDestination(inside, otherInside) &&
    isSameDestination(outside, otherOutside) &&
    JSON.stringify(rest) === JSON.stringify(otherRest)
  );
}

/** There may be thousands of backends. */
function isSameDestination(a: Destination, b: Destination): boolean {
  if (a === b) return true;
  if (a.kind !== 'backends' || b.kind !== 'backends') return a.kind === b.kind;
  return (
    a.backends.length === b.backends.length &&
    a.backends.every((one, at) => {
      const other = b.backends[at]!;
      return one.port === other.port && one.nodeName === other.nodeName && equalIpAddresses(one.address, other.address);
    })
  );
}
