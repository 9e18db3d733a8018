/** Who has which address of this node's prefixes. In memory: its owner stores {@link LeaseBook.document} after each change. */
import { ConfigError, ConflictError, ExhaustedError, WeftError } from '../errors.ts';
import { formatIpAddress, type IpAddress } from '../wire/address.ts';
import { formatPrefix, type Prefix } from '../wire/prefix.ts';
import { leaseDocument, parseLease, type Lease, type LeaseDocument } from './lease.ts';
import { Pool } from './pool.ts';
import { equalTextSets } from './text-set.ts';

/** What a {@link LeaseBook} has to keep over a restart. */
export interface LeaseBookDocument {
  readonly leases: readonly LeaseDocument[];
  /** Where each pool, by its prefix, goes on. */
  readonly cursors: Readonly<Record<string, number>>;
}

export class LeaseBook {
  readonly #pools: readonly Pool[];
  /** By {@link keyOf}. */
  readonly #leases = new Map<string, Lease>();
  /** By address in text form. */
  readonly #holders = new Map<string, Lease>();

  /** @param prefixes of this node. Of one family, the second is used when the first is full. */
  constructor(prefixes: readonly Prefix[]) {
    this.#pools = prefixes.map((prefix) => new Pool(prefix));
  }

  /**
   * Leases addresses to a pod: those wanted (at least one), else the next free one of each family that the node has. A pod that has a lease
   * gets the same one again. Either all addresses are leased or none.
   *
   * @throws ConfigError for a wanted address that is not one for a pod of this node, or is wanted twice.
   * @throws ConflictError `address-in-use` for one that another pod has, `lease-exists` if the pod has others than wanted.
   * @throws ExhaustedError `pool-exhausted`.
   */
  allocate(network: string, pod: string, wanted?: readonly IpAddress[]): Lease {
    const known = this.#leases.get(keyOf(network, pod));
    if (known !== undefined) return alreadyLeased(known, wanted);
    const addresses = wanted === undefined ? this.#nextOfEachFamily() : this.#checked(wanted);
    const lease = { network, pod, addresses };
    this.#insert(lease);
    return lease;
  }

  /** Frees what a pod has. @returns whether it had anything. */
  release(network: string, pod: string): boolean {
    const lease = this.#leases.get(keyOf(network, pod));
    if (lease === undefined) return false;
    this.#leases.delete(keyOf(network, pod));
    for (const address of lease.addresses) this.#holders.delete(formatIpAddress(address));
    return true;
  }

  /** What a pod has. */
  get(network: string, pod: string): Lease | undefined {
    return this.#leases.get(keyOf(network, pod));
  }

  /** All leases, oldest first. */
  list(): readonly Lease[] {
    return [...this.#leases.values()];
  }

  /** Whether a pod of this node could be given this address: no longer, if the node's prefixes were changed. */
  mayLease(address: IpAddress): boolean {
    return this.#pools.some((pool) => pool.mayHave(address));
  }

  /** What {@link restore} needs to make an equal book. JSON-safe. */
  document(): LeaseBookDocument {
    const cursors = this.#pools.map((pool) => [formatPrefix(pool.prefix), pool.cursor] as const);
    return { leases: this.list().map(leaseDocument), cursors: Object.fromEntries(cursors) };
  }

  /**
   * Takes over the leases of an earlier run. Those outside the prefixes of today are kept: their pods still use them.
   *
   * @throws WeftError `store-corrupt` if the document is not one, or gives an address to two pods. The book is then unchanged.
   */
  restore(document: unknown): void {
    const { leases, cursors } = (document ?? {}) as Partial<LeaseBookDocument>;
    const parsed = Array.isArray(leases) ? leases.map(parseLease) : [undefined];
    const texts = parsed.flatMap((lease) => lease?.addresses.map(formatIpAddress) ?? []);
    const keys = parsed.map((lease) => lease && keyOf(lease.network, lease.pod));
    if (parsed.includes(undefined) || new Set(texts).size < texts.length || new Set(keys).size < keys.length) {
      throw new WeftError('store-corrupt', 'the stored leases are damaged, or name an address twice');
    }
    this.#leases.clear();
    this.#holders.clear();
    for (const lease of parsed) this.#insert(lease!);
    for (const pool of this.#pools) pool.moveTo(Number(cursors?.[formatPrefix(pool.prefix)]));
  }

  #insert(lease: Lease): void {
    this.#leases.set(keyOf(lease.network, lease.pod), lease);
    for (const address of lease.addresses) this.#holders.set(formatIpAddress(address), lease);
  }

  #checked(wanted: readonly IpAddress[]): readonly IpAddress[] {
    const seen = new Set<string>();
    for (const address of wanted) {
      const text = formatIpAddress(address);
      if (seen.has(text)) throw new ConfigError('addresses', `${text} is there twice`, { address: text });
      seen.add(text);
      if (!this.mayLease(address)) {
        const prefixes = this.#pools.map((pool) => formatPrefix(pool.prefix));
        const problem = `${text} is not an address for a pod in this node's prefixes ${prefixes.join(', ')}`;
        throw new ConfigError('addresses', problem, { address: text, prefixes });
      }
      const holder = this.#holders.get(text);
      if (holder !== undefined) {
        const details = { address: text, network: holder.network, pod: holder.pod };
        throw new ConflictError('address-in-use', `${text} is leased to pod ${holder.pod}`, details);
      }
    }
    return wanted;
  }

  #nextOfEachFamily(): readonly IpAddress[] {
    const families = [...new Set(this.#pools.map((pool) => pool.prefix.address.family))];
    return families.map((family) => this.#nextOf(this.#pools.filter((pool) => pool.prefix.address.family === family)));
  }

  #nextOf(pools: readonly Pool[]): IpAddress {
    for (const pool of pools) {
      const address = pool.next((candidate) => !this.#holders.has(formatIpAddress(candidate)));
      if (address !== undefined) return address;
    }
    const prefixes = pools.map((pool) => formatPrefix(pool.prefix));
    const size = pools.reduce((sum, pool) => sum + pool.size, 0);
    const message = `no address is left in ${prefixes.join(', ')}: all ${size} are leased`;
    throw new ExhaustedError('pool-exhausted', message, { prefixes, size });
  }
}

function alreadyLeased(known: Lease, wanted: readonly IpAddress[] | undefined): Lease {
  const has = known.addresses.map(formatIpAddress);
  const same = wanted === undefined || equalTextSets(has, wanted.map(formatIpAddress));
  if (same) return known;
  const message = `pod ${known.pod} has the addresses ${has.join(', ')} already`;
  throw new ConflictError('lease-exists', message, { pod: known.pod, addresses: has });
}

/** A NUL is in no name. */
function keyOf(network: string, pod: string): string {
  return `${network}\0${pod}`;
}
