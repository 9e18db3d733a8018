/** Which pod has an address, for people. */
import type { PolicyPod } from '../../policy/cluster-facts.ts';
import { formatIpAddress, type IpAddress } from '../../wire/address.ts';

export class PodTitles {
  /** Addresses of each pod, by its key. */
  readonly #addresses = new Map<string, readonly string[]>();
  /** By addresses. */
  readonly #holders = new Map<string, { readonly pod: string; readonly title: string }>();

  /** As `PolicyFactsListener` is told of it. */
  setPod(pod: PolicyPod): void {
    this.removePod(pod.key);
    const addresses = pod.addresses.map(formatIpAddress);
    this.#addresses.set(pod.key, addresses);
    for (const address of addresses)
      this.#holders.set(address, { pod: pod.key, title: `${pod.namespace}/${pod.name}` });
  }

  /** @param key `PolicyPod.key` */
  removePod(key: string): void {
    for (const address of this.#addresses.get(key) ?? [])
      // Another may have it by now.
      if (this.#holders.get(address)?.pod === key) this.#holders.delete(address);
    this.#addresses.delete(key);
  }

  /** `shop/web`; `undefined`: none that is known. */
  at(address: IpAddress): string | undefined {
    return this.#holders.get(formatIpAddress(address))?.title;
  }
}
