/** Who has a name, or an address. Tables keep addresses as strings of 4 or 16 characters, which are keys as well. */
import type { IpAddress } from '../wire/address.ts';

export interface NameHolder {
  /** Within the domain: `web.shop`, `n2.node`, `web.shop.svc`. */
  readonly name: string;
  readonly addresses: readonly IpAddress[];
}

/** The same as tables keep it. */
export interface KeptHolder {
  readonly name: string;
  /** As {@link addressKey} gives them. */
  readonly addresses: readonly string[];
}

export function toHolder({ name, addresses }: KeptHolder): NameHolder {
  return { name, addresses: addresses.map(addressOf) };
}

/** An octet of the address is a character. */
export function addressKey({ bytes }: IpAddress): string {
  return String.fromCharCode(...bytes);
}

function addressOf(key: string): IpAddress {
  return { family: key.length === 4 ? 4 : 6, bytes: Uint8Array.from(key, (octet) => octet.charCodeAt(0)) };
}
