/**
 * Names of services, and who has their addresses.
 *
 *     web.shop.svc      service web of namespace shop
 *
 * Below `svc`, so that no pod can take the name of a service, and no service that of a pod.
 */
import { isDnsLabel } from '../directory/pod-name.ts';
import type { IpAddress } from '../wire/address.ts';
import { labelsBefore, lowerCase, MAX_NAME_LENGTH } from './domain-name.ts';
import { addressKey, type KeptHolder, type NameHolder, toHolder } from './name-holder.ts';

/** Below it are the services. A namespace of this name has no names for its pods. */
export const SERVICE_LABEL = 'svc';

/**
 * Addresses of each family that a service is answered with. All of them fit into a message over TCP, of 65 535 octets, whatever the service
 * is called: a record of IPv6 takes 281 octets at most (RFC 1035, sections 3.1 and 3.2.1; RFC 3596, section 2.2).
 */
export const MAX_SERVICE_ADDRESSES = 200;

/** What a service is called, and what its name stands for. */
export interface NamedService {
  readonly namespace: string;
  readonly name: string;
  /** Of the cluster; of a headless service, those of its backends. At most {@link MAX_SERVICE_ADDRESSES} of each family. */
  readonly addresses: readonly IpAddress[];
  /** Its addresses are those of pods, which have names of their own: asked for by address, they are the pods. */
  readonly isHeadless: boolean;
}

interface Entry extends KeptHolder {
  /** `shop/web` */
  readonly key: string;
  readonly namespace: string;
  readonly isHeadless: boolean;
}

/** Whether a name is below the label of services, whoever has it. @param labels in any case */
export function isOfServices(labels: readonly string[], domain: readonly string[]): boolean {
  return labelsBefore(labels.map(lowerCase), domain)?.at(-1) === SERVICE_LABEL;
}

export class ServiceNames {
  readonly #mostLength: number;
  readonly #services = new Map<string, Entry>();
  /** All that claim it. */
  readonly #byAddress = new Map<string, Set<Entry>>();
  /** How many services each has. */
  readonly #namespaces = new Map<string, number>();

  /** @param domain below which the names are: with it, they must not be too long. */
  constructor(domain: readonly string[]) {
    this.#mostLength = MAX_NAME_LENGTH - 1 - domain.join('.').length;
  }

  get size(): number {
    return this.#services.size;
  }

  /** Has a service in the place of the one of this name. One that DNS cannot carry has no name: no reader of services lets one through. */
  set({ namespace, name, addresses, isHeadless }: NamedService): void {
    this.delete({ namespace, name });
    const key = keyOf(namespace, name);
    const full = `${name}.${namespace}.${SERVICE_LABEL}`;
    if (!isDnsLabel(namespace) || !isDnsLabel(name) || full.length > this.#mostLength) return;
    const entry = { key, name: full, namespace, addresses: addresses.map(addressKey), isHeadless };
    this.#services.set(key, entry);
    this.#namespaces.set(namespace, (this.#namespaces.get(namespace) ?? 0) + 1);
    for (const address of claimedBy(entry)) {
      const claims = this.#byAddress.get(address) ?? new Set();
      this.#byAddress.set(address, claims.add(entry));
    }
  }

  delete({ namespace, name }: Pick<NamedService, 'namespace' | 'name'>): void {
    const entry = this.#services.get(keyOf(namespace, name));
    if (entry === undefined) return;
    this.#services.delete(entry.key);
    const left = this.#namespaces.get(namespace)! - 1;
    if (left === 0) this.#namespaces.delete(namespace);
    else this.#namespaces.set(namespace, left);
    for (const address of claimedBy(entry)) {
      const claims = this.#byAddress.get(address);
      claims?.delete(entry);
      if (claims?.size === 0) this.#byAddress.delete(address);
    }
  }

  /** @param labels within the domain, in lower case: `['web', 'shop', 'svc']` */
  holderOf(labels: readonly string[]): NameHolder | undefined {
    const [name = '', namespace = ''] = labels;
    const entry = labels.length === 3 ? this.#services.get(keyOf(namespace, name)) : undefined;
    return entry && toHolder(entry);
  }

  /** Whether there are services below this name: `['shop', 'svc']`, or all of them below `['svc']`. */
  hasBelow(labels: readonly string[]): boolean {
    if (labels.length === 1) return this.size > 0;
    return labels.length === 2 && this.#namespaces.has(labels[0]!);
  }

  /** Of several, the first by namespace and name, as it is the one that packets go to. */
  holderAt(address: IpAddress): NameHolder | undefined {
    const claims = [...(this.#byAddress.get(addressKey(address)) ?? [])];
    return claims.length === 0 ? undefined : toHolder(claims.reduce((a, b) => (a.key < b.key ? a : b)));
  }
}

function keyOf(namespace: string, name: string): string {
  return `${namespace}/${name}`;
}

function claimedBy({ addresses, isHeadless }: Entry): readonly string[] {
  return isHeadless ? [] : addresses;
}
