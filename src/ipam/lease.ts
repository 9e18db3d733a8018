/** An address, or several, given to a pod until it is removed. */
import { formatIpAddress, parseIpAddress, type IpAddress } from '../wire/address.ts';

export interface Lease {
  readonly network: string;
  readonly pod: string;
  /** At least one; in the order wanted, else of the prefixes. */
  readonly addresses: readonly IpAddress[];
}

/** {@link Lease} as it is stored. */
export interface LeaseDocument {
  readonly network: string;
  readonly pod: string;
  readonly addresses: readonly string[];
}

export function leaseDocument(lease: Lease): LeaseDocument {
  return { network: lease.network, pod: lease.pod, addresses: lease.addresses.map(formatIpAddress) };
}

/** The stored lease, `undefined` if the value is no such thing. */
export function parseLease(document: unknown): Lease | undefined {
  const { network, pod, addresses } = (document ?? {}) as Partial<Record<string, unknown>>;
  if (typeof network !== 'string' || typeof pod !== 'string' || !Array.isArray(addresses) || addresses.length === 0)
    return undefined;
  const parsed = addresses.map((text: unknown) => (typeof text === 'string' ? parseIpAddress(text) : undefined));
  return parsed.includes(undefined) ? undefined : { network, pod, addresses: parsed as IpAddress[] };
}
