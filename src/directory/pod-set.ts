/**
 * The pods of one node, as it announces them: a set of encoded pods, in the order of their bytes, and its digest.
 *
 * What is held of a thousand nodes lies in one array of bytes per node; a pod is read where it is wanted.
 */
import { hashBytes } from '../membership/hash.ts';
import { bytesToHex } from '../membership/identity.ts';
import { MAX_PODS } from '../membership/limits.ts';
import { compareBytes } from '../membership/member-table.ts';
import { writeSum } from '../membership/table-digest.ts';
import type { DirectoryPod } from './directory-pod.ts';
import { MAX_NODE_PODS_BYTES, POD_HASH_BYTES } from './limits.ts';
import { parsePod } from './pod-codec.ts';

/** Seeds of the two halves of a hash. */
const seeds = [0x81_1c_9d_c5, 0x9e_37_79_b9] as const;

/** 8 bytes that tell a pod from others. For digests and removals, not for trust. */
export function hashPod(encoded: Uint8Array): Uint8Array {
  const hash = new Uint8Array(POD_HASH_BYTES);
  writeSum(hash, 0, hashBytes(encoded, seeds[0]), hashBytes(encoded, seeds[1]));
  return hash;
}

export class PodSet {
  readonly #bytes: Uint8Array;
  /** Where each pod ends. */
  readonly #ends: Uint32Array;
  /** 16 hexadecimal digits: equal for equal sets. */
  readonly digest: string;

  private constructor(encoded: readonly Uint8Array[]) {
    this.#ends = new Uint32Array(encoded.length);
    this.#bytes = new Uint8Array(encoded.reduce((sum, { length }) => sum + length, 0));
    let end = 0;
    let first = 0;
    let second = 0;
    for (const [index, one] of encoded.entries()) {
      this.#bytes.set(one, end);
      end += one.length;
      this.#ends[index] = end;
      first = (first + hashBytes(one, seeds[0])) >>> 0;
      second = (second + hashBytes(one, seeds[1])) >>> 0;
    }
    const sum = new Uint8Array(POD_HASH_BYTES);
    writeSum(sum, 0, first, second);
    this.digest = bytesToHex(sum);
  }

  static readonly empty = new PodSet([]);

  /** Of pods that are valid, in any order; those that are equal count once. */
  static of(encoded: readonly Uint8Array[]): PodSet {
    const sorted = encoded.toSorted(compareBytes);
    return new PodSet(sorted.filter((one, index) => index === 0 || compareBytes(one, sorted[index - 1]!) !== 0));
  }

  /**
   * Of pods that somebody else sent, in the order of their bytes; `undefined` if one is not valid, comes twice or in another order,
   * if two have one name, or if they are more or longer than may be.
   */
  static parse(encoded: readonly Uint8Array[]): PodSet | undefined {
    if (encoded.length > MAX_PODS) return undefined;
    if (encoded.reduce((sum, { length }) => sum + length, 0) > MAX_NODE_PODS_BYTES) return undefined;
    const names = new Set<string>();
    for (const [index, one] of encoded.entries()) {
      if (index > 0 && compareBytes(encoded[index - 1]!, one) >= 0) return undefined;
      const pod = parsePod(one);
      if (pod === undefined) return undefined;
      if (pod.isSuperseded) continue;
      const name = `${pod.namespace}/${pod.name}`;
      if (names.has(name)) return undefined;
      names.add(name);
    }
    return new PodSet(encoded);
  }

  /** How many pods. */
  get size(): number {
    return this.#ends.length;
  }

  /** Their length when encoded, in bytes. */
  get lengthBytes(): number {
    return this.#bytes.length;
  }

  /** An encoded pod, by its place. A view: not to be written to. */
  at(index: number): Uint8Array {
    return this.#bytes.subarray(index === 0 ? 0 : this.#ends[index - 1]!, this.#ends[index]);
  }

  /** All encoded pods, in order. */
  encoded(): Uint8Array[] {
    return Array.from(this.#ends, (_, index) => this.at(index));
  }

  /** All pods, read anew each time. */
  pods(): DirectoryPod[] {
    return this.encoded().map((one) => parsePod(one)!);
  }

  /** What was removed, by hash, and added, to get from `base` to this. */
  since(base: PodSet): { readonly removed: readonly Uint8Array[]; readonly added: readonly Uint8Array[] } {
    const removed: Uint8Array[] = [];
    const added: Uint8Array[] = [];
    let before = 0;
    let now = 0;
    while (before < base.size || now < this.size) {
      const order = before === base.size ? 1 : now === this.size ? -1 : compareBytes(base.at(before), this.at(now));
      if (order < 0) removed.push(hashPod(base.at(before)));
      if (order > 0) added.push(this.at(now));
      if (order <= 0) before++;
      if (order >= 0) now++;
    }
    return { removed, added };
  }

  /** This set without some pods, by hash, and with others; `undefined` if the outcome is none that {@link parse} would take. */
  with(removed: readonly Uint8Array[], added: readonly Uint8Array[]): PodSet | undefined {
    const gone = new Set(removed.map(bytesToHex));
    const kept = this.encoded().filter((one) => gone.size === 0 || !gone.has(bytesToHex(hashPod(one))));
    const all = [...kept, ...added].toSorted(compareBytes);
    return PodSet.parse(all.filter((one, index) => index === 0 || compareBytes(one, all[index - 1]!) !== 0));
  }
}
