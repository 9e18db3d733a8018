/**
 * How much of the kernel's table one service may take. It has an element for each backend at each port, at each address, and for what comes
 * from outside once more: whoever may write a Service could have some millions of them.
 *
 * What is left of a service that asks for more is the same at all its addresses: of each port, the first backends by address, as many for each.
 * Where not even one for each port fits, the last ports of the service are left out.
 */
import type { Destination, Frontend } from './service-plan.ts';
import type { Backend } from './service.ts';

export interface ServiceLimits {
  /** Elements of one service. */
  readonly service: number;
  /** Of all of them. Where they want more, each may have half of {@link service}, or half of that, and so on. */
  readonly total: number;
}

/**
 * Chosen: so that 5 000 backends fit behind three ports in both families, and 10 000 services with five backends each take an eighth of all.
 * Instead of: more. Because: the daemon takes up to 1 kB of memory for an element, and a change of a service with 32 768 of them takes some
 * 300 ms of the main thread.
 */
export const SERVICE_LIMITS: ServiceLimits = { service: 32_768, total: 524_288 };

/** Backends of one service that are kept in memory, of all ports and both families: more than it may have elements, so that a cut is noticed. */
const MAX_KNOWN = 65_536;

/** With affinity of clients, a backend has a set, a chain and three rules. */
const AFFINITY_ELEMENTS = 4;

/** What is left out of a service. */
export interface ServiceCut {
  /** Backends that each of its ports has at most, of each family. */
  readonly backends: number;
  /** Ports that are not there at all, as `servicePortTitle` gives them. */
  readonly ports: ReadonlySet<string>;
}

export interface FittedService {
  readonly frontends: readonly Frontend[];
  /** `undefined`: all of it is there. */
  readonly cut: ServiceCut | undefined;
}

/** Elements of all frontends of a service, as if there were room. */
export function elementsOf(frontends: readonly Frontend[], backends = Infinity): number {
  return frontends.reduce((sum, frontend) => sum + elementsAt(frontend, backends), 0);
}

/** What fits into so many elements. @param frontends of one service, port by port */
export function fitService(frontends: readonly Frontend[], elements: number): FittedService {
  if (elementsOf(frontends) <= elements) return { frontends, cut: undefined };
  const [kept, ports] = portsThatFit(frontends, elements);
  const backends = backendsThatFit(kept, elements);
  const cuts = new Map<Destination, Destination>();
  const cut = (to: Destination): Destination => {
    const known = cuts.get(to) ?? firstOf(to, backends);
    cuts.set(to, known);
    return known;
  };
  return {
    frontends: kept.map((one) => ({ ...one, inside: cut(one.inside), outside: cut(one.outside) })),
    cut: { backends, ports: new Set(ports) },
  };
}

/**
 * How many backends of each family a port has, if that is not all; `undefined`: it is. 0: the port is left out.
 *
 * @param title as `servicePortTitle` gives it @param backends all that may be used
 */
export function backendLimit(
  cut: ServiceCut | undefined,
  title: string,
  backends: readonly Backend[],
): number | undefined {
  if (cut === undefined) return undefined;
  if (cut.ports.has(title)) return 0;
  const countOf = (family: 4 | 6): number => backends.filter(({ address }) => address.family === family).length;
  return Math.max(countOf(4), countOf(6)) > cut.backends ? cut.backends : undefined;
}

/**
 * How many backends of a port and a family are kept. As many for each, if that is not all.
 *
 * @param counts of all ports, by family
 */
export function knownBackends(counts: readonly number[], most = MAX_KNOWN): number {
  const keptWith = (limit: number): number => counts.reduce((sum, count) => sum + Math.min(count, limit), 0);
  return keptWith(Infinity) <= most ? Infinity : largest(most, (limit) => keptWith(limit) <= most);
}

/**
 * Of how many elements each service may be, if all are to have room.
 *
 * Chosen: half, a quarter, and so on. Instead of: the largest number that fits. Because: that would be another after each change, and all that
 * are cut planned anew.
 *
 * @param wanted by each
 */
export function fairLimit(wanted: Iterable<number>, { service, total }: ServiceLimits): number {
  const all = [...wanted];
  const taken = (limit: number): number => all.reduce((sum, elements) => sum + Math.min(elements, limit), 0);
  let limit = service;
  while (limit > 1 && taken(limit) > total) limit = Math.floor(limit / 2);
  return limit;
}

function elementsAt({ inside, outside, masqueradesOutside, sources, affinitySeconds }: Frontend, most: number): number {
  const ofOne = affinitySeconds === undefined ? 1 : AFFINITY_ELEMENTS;
  return (masqueradesOutside ? [inside] : [inside, outside]).reduce((sum, to) => {
    const backends = to.kind === 'backends' ? Math.min(to.backends.length, most) : 0;
    return sum + 1 + (sources?.length ?? 0) + backends * ofOne;
  }, 0);
}

/** The first ports, with one backend each. @returns frontends of these, and the titles of the others */
function portsThatFit(
  frontends: readonly Frontend[],
  elements: number,
): readonly [readonly Frontend[], readonly string[]] {
  const ports = Map.groupBy(frontends, ({ service }) => service);
  let taken = 0;
  const isOver = [...ports.values()].map((ofPort) => (taken += elementsOf(ofPort, 1)) > elements);
  const count = isOver.includes(true) ? isOver.indexOf(true) : isOver.length;
  return [[...ports.values()].slice(0, count).flat(), [...ports.keys()].slice(count)];
}

/** The largest number of backends for each port. */
function backendsThatFit(frontends: readonly Frontend[], elements: number): number {
  return largest(elements, (backends) => elementsOf(frontends, backends) <= elements);
}

/** The largest number up to `most` that fits, where all that are less fit as well; at least 1. */
function largest(most: number, fits: (number: number) => boolean): number {
  let [low, high] = [1, most];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (fits(middle)) low = middle;
    else high = middle - 1;
  }
  return low;
}

function firstOf(to: Destination, backends: number): Destination {
  return to.kind === 'backends' ? { ...to, backends: to.backends.slice(0, backends) } : to;
}
