/** The addresses of one of the node's prefixes: which of them a pod may have, and which comes next. */
import { equalIpAddresses, type IpAddress } from '../wire/address.ts';
import { addressAt, prefixContains, type Prefix } from '../wire/prefix.ts';

/**
 * How far into a prefix addresses are given out unasked: the low 32 bits. An IPv6 prefix has more, and a pod may ask for one
 * of those by name.
 */
const MAX_OFFSET = 2 ** 32 - 1;

/** Address of the node itself in one of its prefixes: the first after the network address. A prefix of one address is it. */
export function nodeAddressIn(prefix: Prefix): IpAddress {
  return addressAt(prefix, hostBits(prefix) === 0 ? 0 : 1)!;
}

/** Rotates through the addresses of a prefix, so that one that was just freed, and is still in others' caches, comes last. */
export class Pool {
  readonly prefix: Prefix;
  /** How many addresses it can give out unasked. */
  readonly size: number;
  /** Offset in the prefix at which the search for a free address begins. */
  #cursor: number;
  readonly #nodeAddress: IpAddress;
  readonly #broadcast: IpAddress | undefined;

  constructor(prefix: Prefix) {
    this.prefix = prefix;
    this.#nodeAddress = nodeAddressIn(prefix);
    const count = 2 ** hostBits(prefix);
    // IPv6 has no broadcast address; its network address is the subnet-router anycast address (RFC 4291, section 2.6.1).
    this.#broadcast = prefix.address.family === 4 ? addressAt(prefix, count - 1) : undefined;
    const last = prefix.address.family === 4 ? count - 2 : count - 1;
    this.size = Math.max(0, Math.min(last, MAX_OFFSET) - FIRST_OFFSET + 1);
    this.#cursor = FIRST_OFFSET;
  }

  /** Whether a pod may have this address: it is in the prefix, and not the network's, the node's or the broadcast address. */
  mayHave(address: IpAddress): boolean {
    if (!prefixContains(this.prefix, address)) return false;
    const reserved = [this.prefix.address, this.#nodeAddress, this.#broadcast];
    return !reserved.some((other) => other !== undefined && equalIpAddresses(other, address));
  }

  /**
   * Next free address after the one given last, and round again; `undefined` if all are taken. Costs one call of `isFree` per
   * taken address that it passes.
   */
  next(isFree: (address: IpAddress) => boolean): IpAddress | undefined {
    for (let step = 0; step < this.size; step++) {
      const offset = FIRST_OFFSET + ((this.#cursor - FIRST_OFFSET + step) % this.size);
      const address = addressAt(this.prefix, offset)!;
      if (!isFree(address)) continue;
      this.#cursor = FIRST_OFFSET + ((offset + 1 - FIRST_OFFSET) % this.size);
      return address;
    }
    return undefined;
  }

  /** Where the search goes on, for {@link moveTo} after a restart. */
  get cursor(): number {
    return this.#cursor;
  }

  /** Goes on at a cursor of an earlier run. One that does not fit, because the prefix was changed, is ignored. */
  moveTo(cursor: number): void {
    if (Number.isInteger(cursor) && cursor >= FIRST_OFFSET && cursor < FIRST_OFFSET + this.size) this.#cursor = cursor;
  }
}

/** Offset of the first address for a pod: 0 is the network, 1 the node. */
const FIRST_OFFSET = 2;

function hostBits(prefix: Prefix): number {
  return prefix.address.bytes.length * 8 - prefix.lengthBits;
}
