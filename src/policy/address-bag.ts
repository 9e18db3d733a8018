/** Addresses that several have, in order, each once: as many as a cluster has pods, of which one comes and goes at a time. */
import { compareIpAddresses, type IpAddress } from '../wire/address.ts';
import { hostPrefix, type Prefix } from '../wire/prefix.ts';
import { addressKey } from './plan-state.ts';

export class AddressBag {
  /** How many have each. */
  readonly #counts = new Map<string, number>();
  readonly #prefixes: Prefix[] = [];

  insert(address: IpAddress): void {
    const key = addressKey(address);
    const count = this.#counts.get(key) ?? 0;
    this.#counts.set(key, count + 1);
    if (count === 0) this.#prefixes.splice(this.#placeOf(address), 0, hostPrefix(address));
  }

  /** One that has it no longer does. */
  delete(address: IpAddress): void {
    const key = addressKey(address);
    const count = this.#counts.get(key) ?? 0;
    if (count > 1) this.#counts.set(key, count - 1);
    else if (this.#counts.delete(key)) this.#prefixes.splice(this.#placeOf(address), 1);
  }

  /** As prefixes of one address each, in order. A copy. */
  prefixes(): readonly Prefix[] {
    return this.#prefixes.slice();
  }

  /** Where it is, or would be. */
  #placeOf(address: IpAddress): number {
    let [low, high] = [0, this.#prefixes.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (compareIpAddresses(this.#prefixes[middle]!.address, address) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
