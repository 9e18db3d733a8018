/** Where to look for the cluster: configured seeds, where this node itself was before, and the members of the last run. */
import type { Logger } from '../../env/logger.ts';
import { compareIpAddresses, equalEndpoints, formatEndpoint, type Endpoint } from '../../wire/address.ts';
import type { SeedHost } from '../config/config.ts';
import { resolveSeeds, type LookUp } from './seeds.ts';

/** Enough for addresses that are exchanged back and forth. */
const MAX_FORMER_ENDPOINTS = 2;

export interface SeedListOptions {
  readonly seeds: readonly SeedHost[];
  /** Members of the last run. */
  readonly stored: readonly Endpoint[];
  readonly logger: Logger;
  readonly lookUp?: LookUp;
}

export class SeedList {
  readonly #options: SeedListOptions;
  /** What each configured seed was resolved to, when it last was. */
  readonly #resolved = new Map<SeedHost, readonly Endpoint[]>();
  /** Where this node was before, the latest first. */
  #former: readonly Endpoint[] = [];
  /** Told by somebody who knows the nodes. */
  #found: readonly Endpoint[] = [];

  constructor(options: SeedListOptions) {
    this.#options = options;
  }

  /**
   * Resolves names anew: an address behind a name may change. A name that does not resolve at the moment keeps the addresses
   * that it had: it is when the network is broken that seeds are needed. Never rejects; may take as long as the resolver does.
   */
  async refresh(): Promise<void> {
    const { seeds, logger, lookUp } = this.#options;
    await Promise.all(
      seeds.map(async (seed) => {
        const { endpoints, unresolved } = await resolveSeeds([seed], lookUp);
        for (const { host, problem } of unresolved) logger.warn({ host, problem }, 'a seed does not resolve');
        // Resolvers answer in turns: another order is no other answer.
        if (unresolved.length === 0) this.#resolved.set(seed, endpoints.toSorted(compareEndpoints));
      }),
    );
  }

  /** Each configured seed, and where it is as far as that is known. */
  configured(): ReadonlyMap<string, readonly Endpoint[]> {
    return new Map(this.#options.seeds.map((seed) => [`${seed.host}:${seed.port}`, this.#resolved.get(seed) ?? []]));
  }

  /** Other nodes are at these endpoints, as somebody says who knows them: they take the place of those that were found before. */
  find(endpoints: readonly Endpoint[]): void {
    this.#found = endpoints;
  }

  /** Whether there is anybody to begin with, beside members of the last run. */
  get isEmpty(): boolean {
    return this.#options.seeds.length === 0 && this.#found.length === 0;
  }

  /** This node itself was at `endpoint` until now: whoever it exchanged addresses with is there. */
  noteFormer(endpoint: Endpoint): void {
    const others = this.#former.filter((each) => !equalEndpoints(each, endpoint));
    this.#former = [endpoint, ...others].slice(0, MAX_FORMER_ENDPOINTS);
  }

  /** All of them as far as they are known, each once, but for `own`, where this node itself is. */
  endpoints(own: Endpoint): Endpoint[] {
    const { seeds, stored } = this.#options;
    const configured = seeds.flatMap((seed) => this.#resolved.get(seed) ?? []);
    const byText = new Map(
      [...configured, ...this.#found, ...this.#former, ...stored].map((each) => [formatEndpoint(each), each]),
    );
    byText.delete(formatEndpoint(own));
    return [...byText.values()];
  }
}

/** Those of one name have one port. */
function compareEndpoints(a: Endpoint, b: Endpoint): number {
  return compareIpAddresses(a.address, b.address);
}
