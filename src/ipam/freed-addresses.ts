/**
 * Addresses that somebody had, in the order in which they were freed. Others may go on sending to one for a while: neighbours' caches,
 * connections that nobody closed. And other nodes may still take it for that pod's, by whose labels their policies go. So none is given out
 * again within a minute, but to the one that had it: a container that is restarted is the same pod again.
 */
import { formatIpAddress, parseIpAddress, type IpAddress } from '../wire/address.ts';

/** How long an address is given to nobody after it was freed, in ms. Connection tracking keeps a stream that got no answer for 30 s. */
export const COOLING_MS = 60_000;

/** How many are remembered. Those forgotten were free for longer than all that are remembered, and are taken before them. */
const MAX_REMEMBERED = 8_192;

export interface FreedAddress {
  readonly address: IpAddress;
  /** Of a {@link BootClock}, in this boot. */
  readonly freedAtMs: number;
  /** Who had it, as {@link holderText}; empty: that is not known. */
  readonly holder: string;
}

/** As it is stored: the address, when it was freed, and by whom. Earlier versions stored no holder. */
export type FreedDocument = readonly [address: string, freedAtMs: number, holder?: string];

export class FreedAddresses {
  /** By address in text form; the one freed longest ago first. */
  readonly #freed = new Map<string, FreedAddress>();

  /** @returns whether others had to be forgotten. */
  add(freed: FreedAddress, nowMs: number): boolean {
    const text = formatIpAddress(freed.address);
    this.#freed.delete(text);
    this.#freed.set(text, freed);
    let hasForgotten = false;
    while (this.#freed.size > MAX_REMEMBERED) {
      const [oldest] = this.#freed.values();
      if (oldest === undefined || nowMs - oldest.freedAtMs < COOLING_MS) break;
      this.delete(oldest.address);
      hasForgotten = true;
    }
    return hasForgotten;
  }

  /** To be called when somebody has the address again. */
  delete(address: IpAddress): void {
    this.#freed.delete(formatIpAddress(address));
  }

  has(address: IpAddress): boolean {
    return this.#freed.has(formatIpAddress(address));
  }

  clear(): void {
    this.#freed.clear();
  }

  /** The one that was freed longest ago, of those that cool no more and that are `wanted`. */
  oldest(wanted: (address: IpAddress) => boolean, nowMs: number): IpAddress | undefined {
    for (const { address, freedAtMs } of this.#freed.values()) {
      if (nowMs - freedAtMs >= COOLING_MS && wanted(address)) return address;
    }
    return undefined;
  }

  /** Those that a holder had, the one that was freed last first. */
  heldBy(holder: string): IpAddress[] {
    return [...this.#freed.values()]
      .filter((freed) => freed.holder === holder)
      .map(({ address }) => address)
      .toReversed();
  }

  /** The address, if nobody else gets it yet. */
  coolingOf(address: IpAddress, nowMs: number): FreedAddress | undefined {
    const freed = this.#freed.get(formatIpAddress(address));
    return freed !== undefined && nowMs - freed.freedAtMs < COOLING_MS ? freed : undefined;
  }

  /** Those that nobody gets yet, the one that was freed longest ago first. */
  cooling(nowMs: number): FreedAddress[] {
    return [...this.#freed.values()].filter(({ freedAtMs }) => nowMs - freedAtMs < COOLING_MS);
  }

  document(): FreedDocument[] {
    return [...this.#freed].map(([text, { freedAtMs, holder }]) =>
      holder === '' ? [text, freedAtMs] : [text, freedAtMs, holder],
    );
  }
}

/** The stored address, `undefined` if the value is no such thing. */
export function parseFreed(document: unknown): FreedAddress | undefined {
  const [text, freedAtMs, holder = ''] = Array.isArray(document) ? (document as readonly unknown[]) : [];
  const address = typeof text === 'string' ? parseIpAddress(text) : undefined;
  if (address === undefined || typeof freedAtMs !== 'number' || typeof holder !== 'string') return undefined;
  return { address, freedAtMs, holder };
}
