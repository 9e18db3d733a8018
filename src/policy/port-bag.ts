/** Ports of pods that several may have, in order, each once: as many as a cluster has pods, of which one comes and goes at a time. */
import { formatIpAddress } from '../wire/address.ts';
import type { PortSet } from './node-plan.ts';
import { comparePortElements } from './same-plan.ts';

export type PortElement = PortSet['elements'][number];

export class PortBag {
  /** How many have each. */
  readonly #counts = new Map<string, number>();
  readonly #elements: PortElement[];

  constructor(elements: readonly PortElement[]) {
    this.#elements = elements.filter((element) => this.#count(element, 1) === 1).toSorted(comparePortElements);
  }

  insert(element: PortElement): void {
    if (this.#count(element, 1) === 1) this.#elements.splice(this.#placeOf(element), 0, element);
  }

  /** One that has it no longer does. */
  delete(element: PortElement): void {
    if (this.#count(element, -1) === 0) this.#elements.splice(this.#placeOf(element), 1);
  }

  /** In order. A copy. */
  elements(): readonly PortElement[] {
    return this.#elements.slice();
  }

  /** How many have it then. */
  #count(element: PortElement, more: 1 | -1): number {
    const key = `${formatIpAddress(element.address)} ${element.protocol} ${element.port}`;
    const count = (this.#counts.get(key) ?? 0) + more;
    if (count === 0) this.#counts.delete(key);
    else this.#counts.set(key, count);
    return count;
  }

  /** Where it is, or would be. */
  #placeOf(element: PortElement): number {
    let [low, high] = [0, this.#elements.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (comparePortElements(this.#elements[middle]!, element) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
