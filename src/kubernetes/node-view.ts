/** What a node makes of the Nodes of the API: its own prefixes, and where to look for the others. */
import type { Endpoint, IpAddress } from '../wire/address.ts';
import { parseIpAddress } from '../wire/address.ts';
import { comparePrefixes, parsePrefix, type Prefix } from '../wire/prefix.ts';
import type { ApiNode } from './api-object.ts';

/** The prefixes of `podCIDRs`, in their order; text that is no prefix is given back as such. */
export function prefixesOf({ podCidrs }: Pick<ApiNode, 'podCidrs'>): {
  readonly prefixes: readonly Prefix[];
  readonly unreadable: readonly string[];
} {
  const parsed = podCidrs.map((text) => ({ text, prefix: parsePrefix(text) }));
  return {
    prefixes: parsed.flatMap(({ prefix }) => prefix ?? []),
    unreadable: parsed.flatMap(({ text, prefix }) => (prefix === undefined ? text : [])),
  };
}

/** Whether they are the same, in any order. */
export function equalPrefixSets(a: readonly Prefix[], b: readonly Prefix[]): boolean {
  const sorted = b.toSorted(comparePrefixes);
  return (
    a.length === b.length && a.toSorted(comparePrefixes).every((one, at) => comparePrefixes(one, sorted[at]!) === 0)
  );
}

/** Addresses of type InternalIP, as far as they are addresses. */
export function addressesOf({ addresses }: Pick<ApiNode, 'addresses'>): readonly IpAddress[] {
  return addresses.flatMap((text) => parseIpAddress(text) ?? []);
}

/**
 * Where gossip of the other nodes may be found.
 *
 * @param isForbidden addresses that nobody may be sent to, as they lie in the overlay
 */
export function seedsOf(
  nodes: Iterable<ApiNode>,
  own: { readonly nodeName: string; readonly gossipPort: number },
  isForbidden: (address: IpAddress) => boolean,
): readonly Endpoint[] {
  return [...nodes]
    .filter(({ name }) => name !== own.nodeName)
    .flatMap((node) => addressesOf(node))
    .filter((address) => !isForbidden(address))
    .map((address) => ({ address, port: own.gossipPort }));
}

/** What a Node is called among the members of gossip, unless its daemon was given another name: a domain is not part of it. */
export function memberNameOf(nodeName: string): string {
  return nodeName.split('.')[0]!;
}

/**
 * Names of members whose Node was deleted: those that were there, and are not any more. A member whose name never was in the API, such as a
 * machine outside of the cluster, is nobody's to forget.
 */
export class DeletedNodes {
  readonly #present = new Set<string>();
  readonly #deleted = new Set<string>();

  /** Takes note of the Nodes that there are now. @param nodeNames all of them */
  see(nodeNames: Iterable<string>): void {
    const names = new Set([...nodeNames].map(memberNameOf));
    for (const name of this.#present) if (!names.has(name)) this.#deleted.add(name);
    this.#present.clear();
    for (const name of names) {
      this.#present.add(name);
      this.#deleted.delete(name);
    }
  }

  /** Whether the Node of this member was deleted, and none of its name is there. */
  has(memberName: string): boolean {
    return this.#deleted.has(memberName);
  }

  /** All of them, for who wants to keep them over a restart. */
  names(): readonly string[] {
    return [...this.#deleted];
  }

  /** It was forgotten: nothing is left to do. */
  done(memberName: string): void {
    this.#deleted.delete(memberName);
  }
}
