/**
 * Who has which address of this node's prefixes, and which is given out next. In memory: its owner, a {@link LeaseStore}, stores each change.
 *
 * Of the free addresses the one comes next that has been free for longest: first those that nobody had yet, then the one that was freed
 * longest ago, and none within a minute: not to somebody who asks for it by name either. A pod that comes back has at once what it had before.
 */
import { ConfigError, ConflictError, ExhaustedError } from '../errors.ts';
import { formatIpAddress, type IpAddress } from '../wire/address.ts';
import { formatPrefix, type Prefix } from '../wire/prefix.ts';
import { COOLING_MS, FreedAddresses, type FreedAddress, type FreedDocument } from './freed-addresses.ts';
import {
  describeHolder,
  holderText,
  leaseKeyOf,
  leaseKeyText,
  titleOfHolder,
  type Lease,
  type LeaseKey,
} from './lease.ts';
import { Pool } from './pool.ts';
import { equalTextSets } from './text-set.ts';

/** What became of the addresses of a pool. */
export interface PoolUsage {
  readonly prefix: Prefix;
  /** How many it gives out unasked. */
  readonly size: number;
  /** Those that have an address of it. */
  readonly leases: readonly Lease[];
  /** How many addresses of it are leased; those that were asked for by name may be beyond `size`. */
  readonly used: number;
  /** How many of `size` can be given out now. */
  readonly free: number;
  /** How many of `size` were freed within the last minute, and are given to nobody yet. */
  readonly cooling: number;
}

export class LeaseBook {
  readonly #pools: readonly Pool[];
  readonly #nowMs: () => number;
  /** By {@link leaseKeyText}. */
  readonly #leases = new Map<string, Lease>();
  /** By address in text form. */
  readonly #holders = new Map<string, Lease>();
  readonly #freed = new FreedAddresses();

  /**
   * @param prefixes of this node. Of one family, the second is used when the first has nothing to give.
   * @param nowMs of a {@link BootClock}.
   */
  constructor(prefixes: readonly Prefix[], nowMs: () => number) {
    this.#pools = prefixes.map((prefix) => new Pool(prefix));
    this.#nowMs = nowMs;
  }

  /**
   * The addresses that a pod would get: those wanted (at least one), else one of each family that the node has: the one that it had before,
   * if nobody has that, or the next free one. A pod that has a lease gets the same one again. Changes nothing: {@link insert} does.
   *
   * @throws ConfigError for a wanted address that is not one for a pod of this node, or is wanted twice.
   * @throws ConflictError `address-in-use` for one that another pod has, `address-cooling` for one that another had within the last minute,
   * `lease-exists` if the pod has others than wanted.
   * @throws ExhaustedError `pool-exhausted`.
   */
  choose(key: LeaseKey, wanted?: readonly IpAddress[]): Lease {
    const known = this.get(key);
    if (known !== undefined) return alreadyLeased(known, wanted);
    const addresses = wanted === undefined ? this.#nextOfEachFamily(key) : this.#checked(key, wanted);
    return { ...leaseKeyOf(key), addresses };
  }

  /** Gives a pod what was chosen for it, or what an earlier run gave it: also outside the prefixes of today, since the pod still uses it. */
  insert(lease: Lease): void {
    this.#leases.set(leaseKeyText(lease), lease);
    for (const address of lease.addresses) {
      this.#holders.set(formatIpAddress(address), lease);
      this.#freed.delete(address);
    }
  }

  /** Whether {@link insert} of this lease would give an address to two, or a second lease to the same. */
  contradicts(lease: Lease): boolean {
    const texts = lease.addresses.map(formatIpAddress);
    return (
      this.get(lease) !== undefined ||
      new Set(texts).size < texts.length ||
      texts.some((text) => this.#holders.has(text))
    );
  }

  /** Frees what a pod has. @returns whether it had anything. */
  release(key: LeaseKey, freedAtMs: number): boolean {
    const lease = this.get(key);
    if (lease === undefined) return false;
    this.#leases.delete(leaseKeyText(key));
    for (const address of lease.addresses) {
      this.#holders.delete(formatIpAddress(address));
      this.noteFreed({ address, freedAtMs, holder: holderText(lease) });
    }
    return true;
  }

  /** Notes that an address, which nobody has now, was freed then. */
  noteFreed(freed: FreedAddress): void {
    if (this.#holders.has(formatIpAddress(freed.address))) return;
    const hasForgotten = this.#freed.add(freed, this.#nowMs());
    if (hasForgotten) for (const pool of this.#pools) pool.forgetUsed();
  }

  /** What a pod has. */
  get(key: LeaseKey): Lease | undefined {
    return this.#leases.get(leaseKeyText(key));
  }

  /** Whether a pod of this node could be given this address: no longer, if the node's prefixes were changed. */
  mayLease(address: IpAddress): boolean {
    return this.#pools.some((pool) => pool.mayHave(address));
  }

  /** Of each pool, in the order in which they are used. */
  usage(): PoolUsage[] {
    const cooling = this.#freed.cooling(this.#nowMs());
    return this.#pools.map((pool) => {
      const { prefix, size } = pool;
      const leases = [...this.#leases.values()].filter(({ addresses }) => addresses.some((one) => pool.mayHave(one)));
      const used = leases.flatMap(({ addresses }) => addresses.filter((one) => pool.mayHave(one)));
      const cool = cooling.filter(({ address }) => pool.offers(address)).length;
      const free = size - used.filter((one) => pool.offers(one)).length - cool;
      return { prefix, size, leases, used: used.length, free, cooling: cool };
    });
  }

  /** Addresses that were freed, for the store. */
  freed(): FreedDocument[] {
    return this.#freed.document();
  }

  /** Forgets everything. */
  clear(): void {
    this.#leases.clear();
    this.#holders.clear();
    this.#freed.clear();
    for (const pool of this.#pools) pool.forgetUsed();
  }

  #checked(key: LeaseKey, wanted: readonly IpAddress[]): readonly IpAddress[] {
    const nowMs = this.#nowMs();
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
        const details = { address: text, ...leaseKeyOf(holder) };
        throw new ConflictError('address-in-use', `${text} is leased to ${describeHolder(holder)}`, details);
      }
      const freed = this.#freed.coolingOf(address, nowMs);
      if (freed !== undefined && freed.holder !== holderText(key)) throw coolingError(freed, nowMs);
    }
    return wanted;
  }

  #nextOfEachFamily(key: LeaseKey): readonly IpAddress[] {
    const families = [...new Set(this.#pools.map((pool) => pool.prefix.address.family))];
    const earlier = this.#freed.heldBy(holderText(key)).filter((address) => this.mayLease(address));
    return families.map((family) => {
      const own = earlier.find((address) => address.family === family);
      return own ?? this.#nextOf(this.#pools.filter((pool) => pool.prefix.address.family === family));
    });
  }

  #nextOf(pools: readonly Pool[]): IpAddress {
    const nowMs = this.#nowMs();
    const isUsed = (address: IpAddress): boolean =>
      this.#holders.has(formatIpAddress(address)) || this.#freed.has(address);
    for (const pool of pools) {
      const address = pool.firstUnused(isUsed) ?? this.#freed.oldest((one) => pool.offers(one), nowMs);
      if (address !== undefined) return address;
    }
    throw this.#exhausted(pools, nowMs);
  }

  #exhausted(pools: readonly Pool[], nowMs: number): ExhaustedError {
    const prefixes = pools.map((pool) => formatPrefix(pool.prefix));
    const size = pools.reduce((sum, pool) => sum + pool.size, 0);
    const cooling = this.#freed.cooling(nowMs).filter(({ address }) => pools.some((pool) => pool.offers(address)));
    const details = { prefixes, size, cooling: cooling.length };
    const left = `no address is left in ${prefixes.join(', ')}`;
    if (cooling.length === 0) return new ExhaustedError('pool-exhausted', `${left}: all ${size} are leased`, details);
    const waitMs = Math.min(...cooling.map(({ freedAtMs }) => freedAtMs + COOLING_MS - nowMs));
    const message =
      `${left}: ${size - cooling.length} are leased, and ${cooling.length} were freed within the last minute; ` +
      `the next can be given out in ${Math.ceil(waitMs / 1_000)} s`;
    return new ExhaustedError('pool-exhausted', message, details);
  }
}

function coolingError({ address, freedAtMs, holder }: FreedAddress, nowMs: number): ConflictError {
  const text = formatIpAddress(address);
  const title = titleOfHolder(holder);
  const waitSeconds = Math.ceil((freedAtMs + COOLING_MS - nowMs) / 1_000);
  const before = title === '' ? 'another pod' : `pod ${title}`;
  const message =
    `${text} was freed within the last minute, and other nodes may still treat it as an address of ${before}: ` +
    `try again in ${waitSeconds} s, or choose another address`;
  return new ConflictError('address-cooling', message, { address: text, pod: title, waitSeconds });
}

function alreadyLeased(known: Lease, wanted: readonly IpAddress[] | undefined): Lease {
  const has = known.addresses.map(formatIpAddress);
  const same = wanted === undefined || equalTextSets(has, wanted.map(formatIpAddress));
  if (same) return known;
  const message = `${describeHolder(known)} has the addresses ${has.join(', ')} already`;
  throw new ConflictError('lease-exists', message, { ...leaseKeyOf(known), addresses: has });
}
