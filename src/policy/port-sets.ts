/** The ports that names stand for: one set for all rules that mean the same name. */
import type { PolicyPod } from './cluster-facts.ts';
import type { KnownCluster } from './known-cluster.ts';
import type { PortSet } from './node-plan.ts';
import type { Direction, PolicyProtocol } from './policy.ts';
import { PortBag, type PortElement } from './port-bag.ts';
import { isSameContent } from './same-plan.ts';

/** What a rule means by a name. */
export interface PortName {
  readonly name: string;
  /** `undefined`: whatever one. */
  readonly protocol: PolicyProtocol | undefined;
  /** Of what comes in, pods of this node are the destination. */
  readonly direction: Direction;
}

interface UsedName {
  readonly port: PortName;
  readonly bag: PortBag;
  uses: number;
}

export class PortSets {
  readonly #nodeName: string;
  readonly #cluster: KnownCluster;
  readonly #touch: (key: string) => void;
  readonly #sets = new Map<string, UsedName>();
  readonly #keysByName = new Map<string, Set<string>>();

  /** @param touch a set may be another one. */
  constructor(nodeName: string, cluster: KnownCluster, touch: (key: string) => void) {
    this.#nodeName = nodeName;
    this.#cluster = cluster;
    this.#touch = touch;
  }

  /** One more rule means this. The key of its set. */
  acquire(port: PortName): string {
    const key = `${port.direction} ${port.protocol ?? 'any'} ${port.name}`;
    const set = this.#sets.get(key);
    if (set === undefined) this.#insert(key, port);
    else set.uses++;
    return key;
  }

  /** One rule less means that of a key. */
  release(key: string): void {
    const set = this.#sets.get(key)!;
    set.uses--;
    if (set.uses > 0) return;
    this.#sets.delete(key);
    const keys = this.#keysByName.get(set.port.name)!;
    keys.delete(key);
    if (keys.size === 0) this.#keysByName.delete(set.port.name);
    this.#touch(key);
  }

  /** A pod is another, new or gone. The cluster knows already. */
  replacePod(before: PolicyPod | undefined, after: PolicyPod | undefined): void {
    const names = new Set([...(before?.ports ?? []), ...(after?.ports ?? [])].map(({ name }) => name));
    for (const name of names) for (const key of this.#keysByName.get(name) ?? []) this.#replace(key, before, after);
  }

  keys(): Iterable<string> {
    return this.#sets.keys();
  }

  read(key: string): PortSet | undefined {
    const set = this.#sets.get(key);
    return set && { key, elements: set.bag.elements() };
  }

  #insert(key: string, port: PortName): void {
    const all = [...this.#cluster.podsWithPort(port.name)].flatMap((pod) => this.#elementsOf(port, pod));
    this.#sets.set(key, { port, bag: new PortBag(all), uses: 1 });
    const keys = this.#keysByName.get(port.name);
    if (keys === undefined) this.#keysByName.set(port.name, new Set([key]));
    else keys.add(key);
    this.#touch(key);
  }

  #replace(key: string, before: PolicyPod | undefined, after: PolicyPod | undefined): void {
    const { port, bag } = this.#sets.get(key)!;
    const [gone, come] = [before, after].map((pod) => (pod === undefined ? [] : this.#elementsOf(port, pod)));
    if (isSameContent(gone, come)) return;
    for (const element of gone!) bag.delete(element);
    for (const element of come!) bag.insert(element);
    this.#touch(key);
  }

  #elementsOf({ name, protocol, direction }: PortName, { nodeName, addresses, ports }: PolicyPod): PortElement[] {
    if (direction === 'ingress' && nodeName !== this.#nodeName) return [];
    return ports
      .filter((port) => port.name === name && (protocol ?? port.protocol) === port.protocol)
      .flatMap((port) =>
        addresses.map((address): PortElement => ({ address, protocol: port.protocol, port: port.port })),
      );
  }
}
