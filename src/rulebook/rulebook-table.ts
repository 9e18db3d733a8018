/**
 * The table: of each kind, namespace and name the entry that counts. Merging does not depend on the order, so nodes that have heard the
 * same hold the same; what each of them holds is told by sums of hashes, which do not depend on the order either.
 */
import { bytesToHex, hexToBytes } from '../membership/identity.ts';
import { compareBytes } from '../membership/member-table.ts';
import { writeSum } from '../membership/table-digest.ts';
import { readU32 } from '../wire/octets.ts';
import { type EntryName, keyOf, type SealedEntry } from './entry.ts';
import { ENTRY_HASH_BYTES, MAX_BUCKETS, MAX_DELETIONS, MAX_HELD_BYTES, MAX_HELD_OBJECTS } from './limits.ts';
import type { RulebookSummary } from './message-codec.ts';

/** Entries that share a bucket, about: each that differs costs so many hashes. */
const ENTRIES_PER_BUCKET = 4;

/** Outcome of {@link RulebookTable.take}. */
export type TakeOutcome = 'new' | 'known' | 'full';

/** Whether `entry` replaces `known`, which is about the same: the higher version wins, then the greater bytes, so that everybody holds the same. */
export function replaces(entry: SealedEntry, known: SealedEntry): boolean {
  return compareAges(entry, known) > 0;
}

function compareAges(a: SealedEntry, b: SealedEntry): number {
  return a.entry.version - b.entry.version || compareBytes(a.bytes, b.bytes);
}

/** The bucket, of `count`, that an entry belongs to. */
export function bucketOf(hash: string, count: number): number {
  return Math.floor((Number.parseInt(hash.slice(0, 2), 16) * count) / MAX_BUCKETS);
}

export class RulebookTable {
  readonly #entries = new Map<string, SealedEntry>();
  readonly #byHash = new Map<string, SealedEntry>();
  /** Sums of the finest buckets, two halves each. */
  readonly #sums = new Uint32Array(2 * MAX_BUCKETS);
  /** Those that are remembered, the oldest first. */
  readonly #deletions: SealedEntry[] = [];
  #objects = 0;
  #lengthBytes = 0;
  /** The highest that was ever taken, also of deletions that are forgotten. */
  #newest = 0;

  /** All that counts, deletions too, in no order. */
  all(): Iterable<SealedEntry> {
    return this.#entries.values();
  }

  get(name: EntryName): SealedEntry | undefined {
    return this.#entries.get(keyOf(name));
  }

  byHash(hash: string): SealedEntry | undefined {
    return this.#byHash.get(hash);
  }

  /** How many there are, deletions too. */
  get size(): number {
    return this.#entries.size;
  }

  /** Objects, and their length when encoded. */
  get objects(): number {
    return this.#objects;
  }

  get lengthBytes(): number {
    return this.#lengthBytes;
  }

  /** No entry has a higher version. */
  get newestVersion(): number {
    return this.#newest;
  }

  /** Merges what was given here or came from elsewhere. */
  take(sealed: SealedEntry): TakeOutcome {
    const { entry, bytes } = sealed;
    const key = keyOf(entry);
    const known = this.#entries.get(key);
    if (known !== undefined && !replaces(sealed, known)) return 'known';
    if (entry.object !== undefined && !this.#hasRoomFor(bytes.length, known)) return 'full';
    if (known !== undefined) this.#remove(known);
    this.#insert(sealed);
    this.#forgetDeletions();
    const isKept = this.#byHash.has(sealed.hash);
    this.#newest = Math.max(this.#newest, entry.version);
    return isKept || known !== undefined ? 'new' : 'known';
  }

  /** The sums of `count` buckets, a power of two, 8 bytes each. */
  buckets(count = this.bucketCount()): Uint8Array {
    const bytes = new Uint8Array(count * ENTRY_HASH_BYTES);
    const fine = MAX_BUCKETS / count;
    for (let bucket = 0; bucket < count; bucket++) {
      let first = 0;
      let second = 0;
      for (let index = bucket * fine; index < (bucket + 1) * fine; index++) {
        first = (first + this.#sums[2 * index]!) >>> 0;
        second = (second + this.#sums[2 * index + 1]!) >>> 0;
      }
      writeSum(bytes, bucket * ENTRY_HASH_BYTES, first, second);
    }
    return bytes;
  }

  /** Buckets for a digest of this table: a power of two. */
  bucketCount(): number {
    const wanted = Math.max(1, this.size / ENTRIES_PER_BUCKET);
    return Math.min(MAX_BUCKETS, 2 ** Math.ceil(Math.log2(wanted)));
  }

  /** Of all of it. */
  get summary(): RulebookSummary {
    return { version: this.#newest, digest: bytesToHex(this.buckets(1)) };
  }

  /** Entries of some of `count` buckets, the newest first. */
  within(buckets: readonly number[], count: number): readonly SealedEntry[] {
    const wanted = new Set(buckets);
    return [...this.#entries.values()]
      .filter(({ hash }) => wanted.has(bucketOf(hash, count)))
      .sort((a, b) => compareAges(b, a));
  }

  #hasRoomFor(lengthBytes: number, known: SealedEntry | undefined): boolean {
    const before = known?.entry.object === undefined ? undefined : known;
    if (this.#lengthBytes + lengthBytes - (before?.bytes.length ?? 0) > MAX_HELD_BYTES) return false;
    return before !== undefined || this.#objects < MAX_HELD_OBJECTS;
  }

  #insert(sealed: SealedEntry): void {
    this.#entries.set(keyOf(sealed.entry), sealed);
    this.#byHash.set(sealed.hash, sealed);
    if (sealed.entry.object === undefined) this.#deletions.splice(this.#placeOf(sealed), 0, sealed);
    this.#count(sealed, 1);
  }

  #remove(sealed: SealedEntry): void {
    this.#entries.delete(keyOf(sealed.entry));
    this.#byHash.delete(sealed.hash);
    if (sealed.entry.object === undefined) this.#deletions.splice(this.#placeOf(sealed), 1);
    this.#count(sealed, -1);
  }

  #count({ entry, bytes, hash }: SealedEntry, sign: 1 | -1): void {
    const octets = hexToBytes(hash);
    const bucket = octets[0]!;
    // A typed array keeps the lowest 32 bits.
    this.#sums[2 * bucket] = this.#sums[2 * bucket]! + sign * readU32(octets, 0);
    this.#sums[2 * bucket + 1] = this.#sums[2 * bucket + 1]! + sign * readU32(octets, 4);
    if (entry.object === undefined) return;
    this.#objects += sign;
    this.#lengthBytes += sign * bytes.length;
  }

  #forgetDeletions(): void {
    while (this.#deletions.length > MAX_DELETIONS) this.#remove(this.#deletions[0]!);
  }

  /** Where a deletion is, or belongs, among those that are remembered. New ones are mostly the last. */
  #placeOf(deletion: SealedEntry): number {
    let [first, end] = [0, this.#deletions.length];
    while (first < end) {
      const middle = (first + end) >> 1;
      if (compareAges(this.#deletions[middle]!, deletion) < 0) first = middle + 1;
      else end = middle;
    }
    return first;
  }
}
