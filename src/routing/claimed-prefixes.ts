/** Which prefixes are taken, by whom: finds overlaps among many in time that does not grow with their number. */
import type { Prefix } from '../wire/prefix.ts';

interface TrieNode<Owner> {
  zero: TrieNode<Owner> | undefined;
  one: TrieNode<Owner> | undefined;
  owner: Owner | undefined;
}

/** A binary trie per address family. */
export class ClaimedPrefixes<Owner extends object> {
  readonly #roots: Record<4 | 6, TrieNode<Owner>> = { 4: emptyNode(), 6: emptyNode() };

  /**
   * Takes `prefix` for `owner`, unless it overlaps one of somebody else: then that somebody is returned, and nothing is
   * taken. An owner's own prefixes may overlap one another.
   */
  claim(prefix: Prefix, owner: Owner): Owner | undefined {
    let node = this.#roots[prefix.address.family];
    for (let depth = 0; depth < prefix.lengthBits; depth++) {
      if (node.owner !== undefined && node.owner !== owner) return node.owner;
      const branch = bitAt(prefix.address.bytes, depth) === 0 ? 'zero' : 'one';
      node = node[branch] ??= emptyNode();
    }
    const other = otherOwner(node, owner);
    if (other === undefined) node.owner = owner;
    return other;
  }
}

function emptyNode<Owner>(): TrieNode<Owner> {
  return { zero: undefined, one: undefined, owner: undefined };
}

function bitAt(bytes: Uint8Array, index: number): number {
  return (bytes[index >> 3]! >> (7 - (index & 7))) & 1;
}

/** The first owner but `owner` at or below `node`, in order of address. */
function otherOwner<Owner>(node: TrieNode<Owner> | undefined, owner: Owner): Owner | undefined {
  if (node === undefined) return undefined;
  if (node.owner !== undefined && node.owner !== owner) return node.owner;
  return otherOwner(node.zero, owner) ?? otherOwner(node.one, owner);
}
