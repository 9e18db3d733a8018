/** An address, or several, given to a pod until it is removed. */
import { formatIpAddress, parseIpAddress, type IpAddress } from '../wire/address.ts';

/**
 * Who has a lease: a pod by the name that somebody gave it, or the interface of a container, by the id that its runtime gave it. A runtime
 * asks for an interface several times, and may take one away that it never got. What the runtime calls the pod, its `title`, is no part of
 * who has a lease: the next container of a pod may be there before the one before it is gone.
 */
export type LeaseKey = { readonly network: string } & (
  | { readonly pod: string }
  | {
      readonly containerId: string;
      readonly interface: string;
      /** Absent: by an earlier version. */
      readonly title?: string;
    }
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

/** The same text for a holder that is the same pod, though in another container. The title comes second: see {@link titleOfHolder}. */
export function holderText(key: LeaseKey): string {
  if ('pod' in key || key.title === undefined) return leaseKeyText(key);
  return `${key.network}\0${key.title}\0${key.interface}`;
}

/** For messages, what somebody is called of whom there is the {@link holderText} alone; empty: that is not known. */
export function titleOfHolder(text: string): string {
  return text.split('\0')[1] ?? '';
}

/** For messages: `pod web`. */
export function describeHolder(key: LeaseKey): string {
  return 'pod' in key ? `pod ${key.pod}` : `container ${key.containerId} (${key.interface})`;
}

/** The key alone, of something that has more. */
export function leaseKeyOf(key: LeaseKey): LeaseKey {
  const { network } = key;
  if ('pod' in key) return { network, pod: key.pod };
  const { containerId, interface: name, title } = key;
  return { network, containerId, interface: name, ...(title !== undefined && { title }) };
}

export function leaseDocument(lease: Lease): LeaseDocument {
  return { ...leaseKeyOf(lease), addresses: lease.addresses.map(formatIpAddress) };
}

/** The stored key, `undefined` if the value is no such thing. */
export function parseLeaseKey(document: unknown): LeaseKey | undefined {
  const { network, pod, containerId, interface: name, title } = fieldsOf(document);
  if (typeof network !== 'string') return undefined;
  if (typeof pod === 'string') return { network, pod };
  return typeof containerId === 'string' && typeof name === 'string'
    ? { network, containerId, interface: name, ...(typeof title === 'string' && { title }) }
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
