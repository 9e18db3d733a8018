/** The addresses of one of the node's prefixes: which of them a pod may have, and which nobody had yet. */
import { equalIpAddresses, type IpAddress } from '../wire/address.ts';
import { addressAt, prefixContains, type Prefix } from '../wire/prefix.ts';

/**
 * How far into a prefix addresses are given out unasked: the low 32 bits. An IPv6 prefix has more, and a pod may ask for one
 * of those by name.
 */
const MAX_OFFSET = 2 ** 32 - 1;

/** Offset of the first address for a pod: 0 is the network, 1 the node. */
const FIRST_OFFSET = 2;

/** Address of the node itself in one of its prefixes: the first after the network address. A prefix of one address is it. */
export function nodeAddressIn(prefix: Prefix): IpAddress {
  return addressAt(prefix, hostBits(prefix) === 0 ? 0 : 1)!;
}

export class Pool {
  readonly prefix: Prefix;
  /** How many addresses it can give out unasked. */
  readonly size: number;
  /** All before this offset were used when last looked at. */
  #unusedFrom = FIRST_OFFSET;
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
  }

  /** Whether a pod may have this address: it is in the prefix, and not the network's, the node's or the broadcast address. */
  mayHave(address: IpAddress): boolean {
    if (!prefixContains(this.prefix, address)) return false;
    const reserved = [this.prefix.address, this.#nodeAddress, this.#broadcast];
    return !reserved.some((other) => other !== undefined && equalIpAddresses(other, address));
  }

  /** Whether it gives out this address unasked. */
  offers(address: IpAddress): boolean {
    if (!this.mayHave(address)) return false;
    return address.bytes.slice(0, -4).every((byte, index) => byte === this.prefix.address.bytes[index]);
  }

  /**
   * The first address that is not used; `undefined`: all are. Used is one that somebody has, or that is remembered to have been freed. Costs
   * one call of `isUsed` for each address that came to be used since the last time.
   */
  firstUnused(isUsed: (address: IpAddress) => boolean): IpAddress | undefined {
    for (const end = FIRST_OFFSET + this.size; this.#unusedFrom < end; this.#unusedFrom++) {
      const address = addressAt(this.prefix, this.#unusedFrom)!;
      if (!isUsed(address)) return address;
    }
    return undefined;
  }

  /** To be called when addresses are not used any more: {@link firstUnused} looks at all again. */
  forgetUsed(): void {
    this.#unusedFrom = FIRST_OFFSET;
  }
}

function hostBits(prefix: Prefix): number {
  return prefix.address.bytes.length * 8 - prefix.lengthBits;
}
