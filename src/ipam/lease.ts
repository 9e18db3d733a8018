/** An address, or several, given to a pod until it is removed. */
import { formatIpAddress, parseIpAddress, type IpAddress } from '../wire/address.ts';

/**
 * Who has a lease: a pod by the name that somebody gave it, or the interface of a container, by the id that its runtime gave it. A runtime
 * asks for an interface several times, and may take one away that it never got.
 */
export type LeaseKey = { readonly network: string } & (
  { readonly pod: string } | { readonly containerId: string; readonly interface: string }
);

export type Lease = LeaseKey & {
  /** At least one; in the order wanted, else of the prefixes. */
  readonly addresses: readonly IpAddress[];
};

/** {@link Lease} as it is stored. */
export type LeaseDocument = LeaseKey & { readonly addresses: readonly string[] };

/** The same text for the same holder, and for no other. A NUL is in no name. */
export function leaseKeyText(key: LeaseKey): string {
  return 'pod' in key ? `${key.network}\0${key.pod}` : `${key.network}\0${key.containerId}\0${key.interface}`;
}

/** For messages: `pod web`. */
export function describeHolder(key: LeaseKey): string {
  return 'pod' in key ? `pod ${key.pod}` : `container ${key.containerId} (${key.interface})`;
}

/** The key alone, of something that has more. */
export function leaseKeyOf(key: LeaseKey): LeaseKey {
  const { network } = key;
  return 'pod' in key ? { network, pod: key.pod } : { network, containerId: key.containerId, interface: key.interface };
}

export function leaseDocument(lease: Lease): LeaseDocument {
  return { ...leaseKeyOf(lease), addresses: lease.addresses.map(formatIpAddress) };
}

/** The stored key, `undefined` if the value is no such thing. */
export function parseLeaseKey(document: unknown): LeaseKey | undefined {
  const { network, pod, containerId, interface: name } = fieldsOf(document);
  if (typeof network !== 'string') return undefined;
  if (typeof pod === 'string') return { network, pod };
  return typeof containerId === 'string' && typeof name === 'string'
    ? { network, containerId, interface: name }
    : undefined;
}

/** The stored lease, `undefined` if the value is no such thing. */
export function parseLease(document: unknown): Lease | undefined {
  const key = parseLeaseKey(document);
  const { addresses } = fieldsOf(document);
  if (key === undefined || !Array.isArray(addresses) || addresses.length === 0) return undefined;
  const parsed = addresses.map((text: unknown) => (typeof text === 'string' ? parseIpAddress(text) : undefined));
  return parsed.includes(undefined) ? undefined : { ...key, addresses: parsed as IpAddress[] };
}

function fieldsOf(document: unknown): Partial<Record<string, unknown>> {
  return document ?? {};
}
