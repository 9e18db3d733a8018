/** Pods of which not all named ports are known, by their addresses: one set for all rules of a direction that ask for names of ports. */
import { AddressBag } from './address-bag.ts';
import type { PolicyPod } from './cluster-facts.ts';
import type { PeerSet } from './node-plan.ts';
import { type Direction, directions } from './policy.ts';

export class UnknownPortPods {
  readonly #nodeName: string;
  readonly #touch: (key: string) => void;
  readonly #sets = new Map(
    directions.map((direction) => [keyOf(direction), { direction, bag: new AddressBag(), uses: 0 }]),
  );

  /** @param touch a set may be another one. */
  constructor(nodeName: string, touch: (key: string) => void) {
    this.#nodeName = nodeName;
    this.#touch = touch;
  }

  /** One more rule asks for such destinations. The key of their set. */
  acquire(direction: Direction): string {
    return this.#use(keyOf(direction), 1);
  }

  /** One rule less asks for those of a key. */
  release(key: string): void {
    this.#use(key, -1);
  }

  /** A pod is another, new or gone. */
  replacePod(before: PolicyPod | undefined, after: PolicyPod | undefined): void {
    for (const [key, { direction, bag }] of this.#sets) {
      const [gone, come] = [before, after].map((pod) =>
        pod !== undefined && this.#isOf(direction, pod) ? pod.addresses : [],
      );
      for (const address of gone!) bag.delete(address);
      for (const address of come!) bag.insert(address);
      if (gone!.length + come!.length > 0) this.#touch(key);
    }
  }

  keys(): Iterable<string> {
    return [...this.#sets].flatMap(([key, { uses }]) => (uses > 0 ? key : []));
  }

  read(key: string): PeerSet | undefined {
    const set = this.#sets.get(key);
    return set === undefined || set.uses === 0 ? undefined : { key, prefixes: set.bag.prefixes() };
  }

  #use(key: string, more: 1 | -1): string {
    this.#sets.get(key)!.uses += more;
    this.#touch(key);
    return key;
  }

  /** Of what comes in, pods of this node are the destination: what others claim says nothing of theirs. */
  #isOf(direction: Direction, { hasMorePorts, nodeName }: PolicyPod): boolean {
    return hasMorePorts && (direction === 'egress' || nodeName === this.#nodeName);
  }
}

/** No peer has a key like this, see `peer-key.ts`. */
function keyOf(direction: Direction): string {
  return `ports-unknown ${direction}`;
}
