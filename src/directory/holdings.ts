/** The pods of other nodes, as far as this node holds them. */
import { MAX_HELD_BYTES } from './limits.ts';
import type { PodVersion } from './messages.ts';
import { PodSet } from './pod-set.ts';

/** What is held of a node. */
export interface Holding extends PodVersion {
  readonly set: PodSet;
  /** When it came, in ms. */
  readonly sinceMs: number;
}

/** Sets that were checked before. Several directories in one process may share one: then they share the sets, too. */
export class PodSetCache {
  /** By node: the latest two. */
  readonly #known = new Map<string, readonly (PodVersion & { readonly set: PodSet })[]>();

  /** The set of a node in a version: the one that is known, or the one that `make` gives if its digest is right. */
  get(identity: string, { version, digest }: PodVersion, make: () => PodSet | undefined): PodSet | undefined {
    const known = this.#known.get(identity) ?? [];
    const same = known.find((one) => one.version === version && one.digest === digest);
    if (same !== undefined) return same.set;
    const set = make();
    if (set?.digest !== digest) return undefined;
    this.#known.set(identity, [{ version, digest, set }, ...known.slice(0, 1)]);
    return set;
  }
}

export class Holdings {
  readonly #held = new Map<string, Holding>();
  #lengthBytes = 0;
  #pods = 0;

  get(identity: string): Holding | undefined {
    return this.#held.get(identity);
  }

  /** Nodes of which something is held. */
  get nodes(): number {
    return this.#held.size;
  }

  get pods(): number {
    return this.#pods;
  }

  get lengthBytes(): number {
    return this.#lengthBytes;
  }

  /** Holds this of a node from now on; false, and nothing has changed, if all that is held would be more than may be. */
  put(identity: string, holding: Holding): boolean {
    const beforeBytes = this.#held.get(identity)?.set.lengthBytes ?? 0;
    if (this.#lengthBytes - beforeBytes + holding.set.lengthBytes > MAX_HELD_BYTES) return false;
    this.drop(identity);
    this.#held.set(identity, holding);
    this.#lengthBytes += holding.set.lengthBytes;
    this.#pods += holding.set.size;
    return true;
  }

  drop(identity: string): void {
    const held = this.#held.get(identity);
    if (held === undefined) return;
    this.#held.delete(identity);
    this.#lengthBytes -= held.set.lengthBytes;
    this.#pods -= held.set.size;
  }
}
