/**
 * Finds pods by name and by address, whosever they are.
 *
 * For each pod there are a few small numbers here: hashes of its name and addresses, and where it is. It is read where it is wanted.
 */
import { hashBytes, hashText } from '../membership/hash.ts';
import { equalIpAddresses, type IpAddress } from '../wire/address.ts';
import type { DirectoryPod } from './directory-pod.ts';
import { parsePod } from './pod-codec.ts';
import type { PodSet } from './pod-set.ts';

/** A pod, and the node that has it. */
export interface FoundPod extends DirectoryPod {
  /** Identity of the node. */
  readonly owner: string;
}

export interface PodIndexOptions {
  /** Pods that a node announced; `undefined`: none are known. */
  readonly setOf: (identity: string) => PodSet | undefined;
  /** Identity of the node to which packets to this address go; `undefined`: to none. Whoever claims another's address is not believed. */
  readonly ownerOf: (address: IpAddress) => string | undefined;
  /** Whether a node may say that a pod of it has this address: it has it, or had it before it was gone. */
  readonly mayHave: (identity: string, address: IpAddress) => boolean;
  /** Whether a node is there. */
  readonly isReachable: (identity: string) => boolean;
}

/** Pods per node, at most, as a power of two: with the number of the node they make one small integer. */
const PODS_BITS = 12;

/** Hashes are cut to as many bits as an integer has that takes no memory of its own. */
const HASH_MASK = 0x3f_ff_ff_ff;

interface IndexedNode {
  readonly identity: string;
  readonly number: number;
  readonly set: PodSet;
  /** Hashes under which its pods are found, and the places of those. */
  readonly keys: Uint32Array;
  readonly places: Uint16Array;
}

export class PodIndex {
  readonly #options: PodIndexOptions;
  readonly #nodes = new Map<string, IndexedNode>();
  readonly #byNumber: (IndexedNode | undefined)[] = [];
  readonly #freeNumbers: number[] = [];
  /** By hash: the place of a pod, or places of several. */
  readonly #entries = new Map<number, number | readonly number[]>();

  constructor(options: PodIndexOptions) {
    this.#options = options;
  }

  /** The pods of these nodes may be others. */
  update(identities: Iterable<string>): void {
    for (const identity of identities) {
      const set = this.#options.setOf(identity);
      if (set === this.#nodes.get(identity)?.set) continue;
      this.#remove(identity);
      if (set !== undefined && set.size > 0) this.#insert(identity, set);
    }
  }

  /** The pod that has an address. */
  at(address: IpAddress): FoundPod | undefined {
    const owner = this.#options.ownerOf(address);
    if (owner === undefined) return undefined;
    return this.#find(hashAddress(address)).find(
      (pod) => pod.owner === owner && pod.addresses.some((one) => equalIpAddresses(one, address)),
    );
  }

  /** The pods of a name, at nodes that are there; one that lost it to a newer one is none of them. */
  named(name: string, namespace: string): FoundPod[] {
    return this.#find(hashName(namespace, name))
      .filter((pod) => pod.name === name && pod.namespace === namespace && !pod.isSuperseded)
      .filter(({ owner }) => this.#options.isReachable(owner))
      .map((pod) => this.#believed(pod));
  }

  /** The pods of a node, with those addresses that packets to it go to. */
  of(identity: string): FoundPod[] {
    return (this.#nodes.get(identity)?.set.pods() ?? []).map((pod) => this.#believed({ ...pod, owner: identity }));
  }

  /** Identities of the nodes that have pods, those that are gone included. */
  owners(): Iterable<string> {
    return this.#nodes.keys();
  }

  #believed(pod: FoundPod): FoundPod {
    const addresses = pod.addresses.filter((address) => this.#options.mayHave(pod.owner, address));
    return addresses.length === pod.addresses.length ? pod : { ...pod, addresses };
  }

  #find(hash: number): FoundPod[] {
    const entry = this.#entries.get(hash);
    if (entry === undefined) return [];
    return (typeof entry === 'number' ? [entry] : entry).map((place) => {
      const node = this.#byNumber[place >> PODS_BITS]!;
      return { ...parsePod(node.set.at(place & ((1 << PODS_BITS) - 1)))!, owner: node.identity };
    });
  }

  #insert(identity: string, set: PodSet): void {
    const keys: number[] = [];
    const places: number[] = [];
    for (const [place, { name, namespace, addresses }] of set.pods().entries()) {
      for (const hash of new Set([hashName(namespace, name), ...addresses.map(hashAddress)])) {
        keys.push(hash);
        places.push(place);
      }
    }
    const number = this.#freeNumbers.pop() ?? this.#byNumber.length;
    const node = { identity, number, set, keys: Uint32Array.from(keys), places: Uint16Array.from(places) };
    this.#nodes.set(identity, node);
    this.#byNumber[number] = node;
    for (const [index, hash] of keys.entries()) {
      const place = (number << PODS_BITS) | places[index]!;
      const entry = this.#entries.get(hash);
      this.#entries.set(hash, entry === undefined ? place : [...(typeof entry === 'number' ? [entry] : entry), place]);
    }
  }

  #remove(identity: string): void {
    const node = this.#nodes.get(identity);
    if (node === undefined) return;
    const { number, keys, places } = node;
    for (const [index, hash] of keys.entries()) {
      const place = (number << PODS_BITS) | places[index]!;
      const entry = this.#entries.get(hash);
      const left = typeof entry === 'number' ? [] : (entry ?? []).filter((one) => one !== place);
      if (left.length === 0) this.#entries.delete(hash);
      else this.#entries.set(hash, left.length === 1 ? left[0]! : left);
    }
    this.#nodes.delete(identity);
    this.#byNumber[number] = undefined;
    this.#freeNumbers.push(number);
  }
}

function hashName(namespace: string, name: string): number {
  return hashText(`${namespace}/${name}`) & HASH_MASK;
}

function hashAddress({ bytes }: IpAddress): number {
  return hashBytes(bytes) & HASH_MASK;
}
