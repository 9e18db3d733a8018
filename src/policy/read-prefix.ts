/** Prefixes and addresses as the API server reads them, less strictly than anything else here (k8s.io/utils/net, `ParseCIDRSloppy`, `ParseIPSloppy`). */
import { type IpAddress, parseIpAddress } from '../wire/address.ts';
import type { Prefix } from '../wire/prefix.ts';

/** Of an IPv6 address that is an IPv4 address in other words: `::ffff:10.0.0.1` (RFC 4291, section 2.5.5.2). */
const MAPPED_BITS = 96;

/**
 * Reads `10.0.0.0/8`; also `10.1.2.3/8`, `010.0.0.0/08`, which are the same, and `::ffff:10.0.0.0/104`, which to Go is as well.
 * `undefined`: it is none.
 *
 * The API server takes those while its gate `StrictIPCIDRValidation` is closed, which it is unless somebody opens it.
 */
export function readPrefix(text: string): Prefix | undefined {
  const [, addressText, digits] = /^([^/]{1,60})\/([0-9]{1,10})$/.exec(text) ?? [];
  const address = addressText === undefined ? undefined : parseIpAddress(withoutLeadingZeros(addressText));
  const lengthBits = Number(digits);
  if (address === undefined || lengthBits > address.bytes.length * 8) return undefined;
  const masked = firstBits(address, lengthBits);
  if (!isMapped(masked) || lengthBits < MAPPED_BITS) return { address: masked, lengthBits };
  return { address: { family: 4, bytes: masked.bytes.slice(12) }, lengthBits: lengthBits - MAPPED_BITS };
}

/** Reads `10.0.0.1`, and `::ffff:10.0.0.1` and `010.0.0.1`, which are the same. `undefined`: it is none. */
export function readAddress(text: string): IpAddress | undefined {
  return readPrefix(`${text}/${text.includes(':') ? 128 : 32}`)?.address;
}

/** Of octets in decimal: `010` is ten. */
function withoutLeadingZeros(text: string): string {
  return text.includes('.') ? text.replaceAll(/(^|[.:])0+(?=[0-9]+(?:\.|$))/g, '$1') : text;
}

function firstBits({ family, bytes }: IpAddress, lengthBits: number): IpAddress {
  const masked = bytes.map((octet, index) => {
    const kept = Math.min(Math.max(lengthBits - index * 8, 0), 8);
    return octet & (0xff00 >> kept);
  });
  return { family, bytes: masked };
}

function isMapped({ family, bytes }: IpAddress): boolean {
  return family === 6 && bytes.every((octet, index) => index >= 12 || octet === (index >= 10 ? 0xff : 0));
}
