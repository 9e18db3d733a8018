/**
 * Longest-prefix match for IPv4 in shared memory: one open-addressed hash table, asked once per prefix length in use,
 * the longest first.
 *
 * Chosen: hashing. Instead of: a trie. Because: an overlay has two or three prefix lengths, whatever its number of
 * routes, so that a lookup is two or three probes; and filling it anew, as every publication does, is one pass.
 *
 *     word 0         1          2 ..                 66 ..
 *     +-------------+----------+--------------------+------------------------------+
 *     | slots - 1   | lengths  | (length, mask) ... | slots: (key, value) ...      |
 *     +-------------+----------+--------------------+------------------------------+
 *
 * Value: 0 if the slot is free, else the peer + 1 in the low 24 bits, and the prefix length above.
 */
import { readU32, writeU32 } from '../wire/octets.ts';
import type { ForwardingRoute } from './forwarding-state.ts';

const Word = { slotMask: 0, lengthCount: 1, lengths: 2 } as const;
const MAX_LENGTHS = 33;
const LENGTH_WORDS = 2;
const SLOTS_AT = Word.lengths + MAX_LENGTHS * LENGTH_WORDS;
const SLOT_WORDS = 2;
const MIN_SLOTS = 16;
const PEER_MASK = 0xff_ffff;
const LENGTH_SHIFT = 24;

/** 32-bit words that a table for `maxRoutes` routes takes. */
export function prefixTable4Words(maxRoutes: number): number {
  return SLOTS_AT + slotCount(maxRoutes) * SLOT_WORDS;
}

/** A view of one table; many may look at the same memory, one may write. */
export class PrefixTable4 {
  readonly #words: Int32Array;

  /** @param words exactly the table's: {@link prefixTable4Words} of them. */
  constructor(words: Int32Array) {
    this.#words = words;
  }

  /** Forgets all, and makes itself the right size for `routes` routes. */
  reset(routes: number): void {
    const slots = slotCount(routes);
    this.#words.fill(0, 0, SLOTS_AT + slots * SLOT_WORDS);
    this.#words[Word.slotMask] = slots - 1;
  }

  /**
   * Adds a prefix: 4 bytes at `at`, host bits zero. The prefixes come with falling `lengthBits`.
   *
   * @returns false if the prefix is there already.
   */
  insert(bytes: Uint8Array, at: number, lengthBits: number, peer: number): boolean {
    const words = this.#words;
    this.#useLength(lengthBits);
    const key = readU32(bytes, at) | 0;
    const slotMask = words[Word.slotMask]!;
    let slot = hash(key, lengthBits) & slotMask;
    for (;;) {
      const word = SLOTS_AT + slot * SLOT_WORDS;
      const value = words[word + 1]!;
      if (value === 0) {
        words[word] = key;
        words[word + 1] = (lengthBits << LENGTH_SHIFT) | (peer + 1);
        return true;
      }
      if (words[word] === key && value >>> LENGTH_SHIFT === lengthBits) return false;
      slot = (slot + 1) & slotMask;
    }
  }

  /** Peer of the longest prefix that contains the 4 bytes at `at`, or -1. */
  lookup(bytes: Uint8Array, at: number): number {
    const words = this.#words;
    const address = readU32(bytes, at) | 0;
    const slotMask = words[Word.slotMask]!;
    const lengthsEnd = Word.lengths + words[Word.lengthCount]! * LENGTH_WORDS;
    for (let length = Word.lengths as number; length < lengthsEnd; length += LENGTH_WORDS) {
      const lengthBits = words[length]!;
      const key = address & words[length + 1]!;
      let slot = hash(key, lengthBits) & slotMask;
      for (;;) {
        const word = SLOTS_AT + slot * SLOT_WORDS;
        const value = words[word + 1]!;
        if (value === 0) break;
        if (words[word] === key && value >>> LENGTH_SHIFT === lengthBits) return (value & PEER_MASK) - 1;
        slot = (slot + 1) & slotMask;
      }
    }
    return -1;
  }

  /** Peer of exactly this prefix, 4 bytes at `at`, or -1. */
  find(bytes: Uint8Array, at: number, lengthBits: number): number {
    const words = this.#words;
    const key = readU32(bytes, at) | 0;
    const slotMask = words[Word.slotMask]!;
    const first = hash(key, lengthBits) & slotMask;
    for (let step = 0; step <= slotMask; step++) {
      const word = SLOTS_AT + ((first + step) & slotMask) * SLOT_WORDS;
      const value = words[word + 1] ?? 0;
      if (value === 0) return -1;
      if (words[word] === key && value >>> LENGTH_SHIFT === lengthBits) return (value & PEER_MASK) - 1;
    }
    return -1;
  }

  /** Number of routes, counted one by one. */
  count(): number {
    const words = this.#words;
    const end = Math.min(words.length, SLOTS_AT + (words[Word.slotMask]! + 1) * SLOT_WORDS);
    let routes = 0;
    for (let word = SLOTS_AT + 1; word < end; word += SLOT_WORDS) if (words[word] !== 0) routes++;
    return routes;
  }

  /** All routes, in no particular order. Allocates: for an audit, not for packets. */
  *routes(): Generator<ForwardingRoute> {
    const words = this.#words;
    const end = Math.min(words.length, SLOTS_AT + (words[Word.slotMask]! + 1) * SLOT_WORDS);
    for (let word = SLOTS_AT; word < end; word += SLOT_WORDS) {
      const value = words[word + 1]!;
      if (value === 0) continue;
      const bytes = new Uint8Array(4);
      writeU32(bytes, 0, words[word]! >>> 0);
      const prefix = { address: { family: 4, bytes }, lengthBits: value >>> LENGTH_SHIFT } as const;
      yield { prefix, peer: (value & PEER_MASK) - 1 };
    }
  }

  #useLength(lengthBits: number): void {
    const words = this.#words;
    const count = words[Word.lengthCount]!;
    const last = Word.lengths + (count - 1) * LENGTH_WORDS;
    if (count > 0 && words[last] === lengthBits) return;
    words[last + LENGTH_WORDS] = lengthBits;
    // A shift by 32 would be one by 0.
    words[last + LENGTH_WORDS + 1] = lengthBits === 0 ? 0 : -1 << (32 - lengthBits);
    words[Word.lengthCount] = count + 1;
  }
}

/** At most half full, so that probing ends soon. */
function slotCount(routes: number): number {
  let slots = MIN_SLOTS;
  while (slots < routes * 2) slots *= 2;
  return slots;
}

/** Finalizer of MurmurHash3: prefixes differ in few, and always the same, bits. */
function hash(key: number, lengthBits: number): number {
  let mixed = Math.imul(key ^ Math.imul(lengthBits, 0x9e37_79b1), 0x85eb_ca6b);
  mixed ^= mixed >>> 13;
  mixed = Math.imul(mixed, 0xc2b2_ae35);
  return mixed ^ (mixed >>> 16);
}
