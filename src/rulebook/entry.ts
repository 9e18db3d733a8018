/** What the rulebook holds: an object that somebody gave to the cluster, or that it was deleted. */

/** Kinds of objects, as Kubernetes calls them, in the order of their numbers in `rulebook.proto`. */
export const rulebookKinds = ['NetworkPolicy', 'ClusterNetworkPolicy', 'Namespace', 'Service'] as const;

export type RulebookKind = (typeof rulebookKinds)[number];

/** What an entry is about. There is one for each. */
export interface EntryName {
  readonly kind: RulebookKind;
  /** Of those that are {@link isNamespaced}; empty: it is of the whole cluster. */
  readonly namespace: string;
  readonly name: string;
}

export interface RulebookEntry extends EntryName {
  /** Grows with each change: the time of day in ms, or one more than the highest that was known where it was given. */
  readonly version: number;
  /** Name of the node where it was given. */
  readonly origin: string;
  /** JSON; `undefined`: it was deleted. */
  readonly object: string | undefined;
}

/** An entry, and the very bytes that were made of it where it was given: those are what is passed on and compared. */
export interface SealedEntry {
  readonly entry: RulebookEntry;
  readonly bytes: Uint8Array;
  /** 16 hexadecimal digits. For digests, not for trust. */
  readonly hash: string;
}

/** Whether objects of a kind are in namespaces. */
export function isNamespaced(kind: RulebookKind): boolean {
  return kind === 'NetworkPolicy' || kind === 'Service';
}

/** `NetworkPolicy shop/web`: a key, unique among all. */
export function keyOf({ kind, namespace, name }: EntryName): string {
  return `${kind} ${namespace === '' ? name : `${namespace}/${name}`}`;
}
