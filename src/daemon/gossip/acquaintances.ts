/** Who should be there: the members of this node's last run, and its seeds. */
import type { Member } from '../../membership/announcement.ts';
import { equalEndpoints, type Endpoint } from '../../wire/address.ts';

/** Who was a member once. */
export interface Acquaintance {
  readonly identity: string;
  readonly name: string;
}

/**
 * Remembers who was not heard of since the start. Being dead counts as heard of: then what others knew of a member has
 * come here.
 */
export class Acquaintances {
  /** Names by identity, of those not heard of. */
  readonly #members: Map<string, string>;
  readonly #heardSeeds = new Set<string>();
  readonly #seeds: () => ReadonlyMap<string, readonly Endpoint[]>;

  /**
   * @param members of the last run
   * @param seeds by name: where they are. Of several addresses, one is enough.
   */
  constructor(members: readonly Acquaintance[], seeds: () => ReadonlyMap<string, readonly Endpoint[]>) {
    this.#members = new Map(members.map(({ identity, name }) => [identity, name]));
    this.#seeds = seeds;
  }

  /** Takes note of members, this node included; to be called when they have changed: who was seen once has been heard of. */
  meet(members: readonly Member[]): void {
    if (this.#members.size > 0) for (const { announcement } of members) this.#members.delete(announcement.identity);
    for (const [name, endpoints] of this.#seeds()) {
      if (this.#heardSeeds.has(name)) continue;
      const isThere = members.some(({ announcement: { gossipEndpoint } }) =>
        endpoints.some((endpoint) => equalEndpoints(endpoint, gossipEndpoint)),
      );
      if (isThere) this.#heardSeeds.add(name);
    }
  }

  /**
   * Names of members, then of seeds, that were not heard of.
   *
   * @param isForgotten whether an operator had this identity forgotten
   */
  unheard(isForgotten: (identity: string) => boolean): readonly string[] {
    const members = [...this.#members].flatMap(([identity, name]) => (isForgotten(identity) ? [] : [name]));
    const seeds = [...this.#seeds().keys()].filter((name) => !this.#heardSeeds.has(name)).map((name) => `seed ${name}`);
    return [...members.sort(), ...seeds];
  }
}
