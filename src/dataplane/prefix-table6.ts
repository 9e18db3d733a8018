/**
 * Longest-prefix match for IPv6 in shared memory. As `prefix-table4.ts`, which has the reasons; but keys and masks are
 * four words long.
 *
 *     word 0         1          2 ..                     647 ..
 *     +-------------+----------+------------------------+------------------------------+
 *     | slots - 1   | lengths  | (length, mask x 4) ... | slots: (key x 4, value) ...  |
 *     +-------------+----------+------------------------+------------------------------+
 */
import { readU32, writeU32 } from '../wire/octets.ts';
import type { ForwardingRoute } from './forwarding-state.ts';

const Word = { slotMask: 0, lengthCount: 1, lengths: 2 } as const;
const MAX_LENGTHS = 129;
const KEY_WORDS = 4;
const LENGTH_WORDS = 1 + KEY_WORDS;
const SLOTS_AT = Word.lengths + MAX_LENGTHS * LENGTH_WORDS;
const SLOT_WORDS = KEY_WORDS + 1;
const MIN_SLOTS = 16;
const PEER_MASK = 0xff_ffff;
const LENGTH_SHIFT = 24;

/** 32-bit words that a table for `maxRoutes` routes takes. */
export function prefixTable6Words(maxRoutes: number): number {
  return SLOTS_AT + slotCount(maxRoutes) * SLOT_WORDS;
}

/** A view of one table; many may look at the same memory, one may write. */
export class PrefixTable6 {
  readonly #words: Int32Array;

  /** @param words exactly the table's: {@link prefixTable6Words} of them. */
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
   * Adds a prefix: 16 bytes at `at`, host bits zero. The prefixes come with falling `lengthBits`.
   *
   * @returns false if the prefix is there already.
   */
  insert(bytes: Uint8Array, at: number, lengthBits: number, peer: number): boolean {
    const words = this.#words;
    this.#useLength(lengthBits);
    const key0 = readU32(bytes, at) | 0;
    const key1 = readU32(bytes, at + 4) | 0;
    const key2 = readU32(bytes, at + 8) | 0;
    const key3 = readU32(bytes, at + 12) | 0;
    const slotMask = words[Word.slotMask]!;
    let slot = hash(key0, key1, key2, key3, lengthBits) & slotMask;
    for (;;) {
      const word = SLOTS_AT + slot * SLOT_WORDS;
      if (words[word + KEY_WORDS] === 0) {
        words[word] = key0;
        words[word + 1] = key1;
        words[word + 2] = key2;
        words[word + 3] = key3;
        words[word + KEY_WORDS] = (lengthBits << LENGTH_SHIFT) | (peer + 1);
        return true;
      }
      if (this.#holds(word, key0, key1, key2, key3, lengthBits)) return false;
      slot = (slot + 1) & slotMask;
    }
  }

  /** Peer of the longest prefix that contains the 16 bytes at `at`, or -1. */
  lookup(bytes: Uint8Array, at: number): number {
    const words = this.#words;
    const address0 = readU32(bytes, at) | 0;
    const address1 = readU32(bytes, at + 4) | 0;
    const address2 = readU32(bytes, at + 8) | 0;
    const address3 = readU32(bytes, at + 12) | 0;
    const slotMask = words[Word.slotMask]!;
    const lengthsEnd = Word.lengths + words[Word.lengthCount]! * LENGTH_WORDS;
    for (let length = Word.lengths as number; length < lengthsEnd; length += LENGTH_WORDS) {
      const lengthBits = words[length]!;
      const key0 = address0 & words[length + 1]!;
      const key1 = address1 & words[length + 2]!;
      const key2 = address2 & words[length + 3]!;
      const key3 = address3 & words[length + 4]!;
      let slot = hash(key0, key1, key2, key3, lengthBits) & slotMask;
      for (;;) {
        const word = SLOTS_AT + slot * SLOT_WORDS;
        const value = words[word + KEY_WORDS]!;
        if (value === 0) break;
        if (this.#holds(word, key0, key1, key2, key3, lengthBits)) return (value & PEER_MASK) - 1;
        slot = (slot + 1) & slotMask;
      }
    }
    return -1;
  }

  /** Peer of exactly this prefix, 16 bytes at `at`, or -1. */
  find(bytes: Uint8Array, at: number, lengthBits: number): number {
    const words = this.#words;
    const key0 = readU32(bytes, at) | 0;
    const key1 = readU32(bytes, at + 4) | 0;
    const key2 = readU32(bytes, at + 8) | 0;
    const key3 = readU32(bytes, at + 12) | 0;
    const slotMask = words[Word.slotMask]!;
    const first = hash(key0, key1, key2, key3, lengthBits) & slotMask;
    for (let step = 0; step <= slotMask; step++) {
      const word = SLOTS_AT + ((first + step) & slotMask) * SLOT_WORDS;
      const value = words[word + KEY_WORDS] ?? 0;
      if (value === 0) return -1;
      if (this.#holds(word, key0, key1, key2, key3, lengthBits)) return (value & PEER_MASK) - 1;
    }
    return -1;
  }

  /** Number of routes, counted one by one. */
  count(): number {
    const words = this.#words;
    const end = Math.min(words.length, SLOTS_AT + (words[Word.slotMask]! + 1) * SLOT_WORDS);
    let routes = 0;
    for (let word = SLOTS_AT + KEY_WORDS; word < end; word += SLOT_WORDS) if (words[word] !== 0) routes++;
    return routes;
  }

  /** All routes, in no particular order. Allocates: for an audit, not for packets. */
  *routes(): Generator<ForwardingRoute> {
    const words = this.#words;
    const end = Math.min(words.length, SLOTS_AT + (words[Word.slotMask]! + 1) * SLOT_WORDS);
    for (let word = SLOTS_AT; word < end; word += SLOT_WORDS) {
      const value = words[word + KEY_WORDS]!;
      if (value === 0) continue;
      const bytes = new Uint8Array(16);
      for (let index = 0; index < KEY_WORDS; index++) writeU32(bytes, index * 4, words[word + index]! >>> 0);
      const prefix = { address: { family: 6, bytes }, lengthBits: value >>> LENGTH_SHIFT } as const;
      yield { prefix, peer: (value & PEER_MASK) - 1 };
    }
  }

  #holds(word: number, key0: number, key1: number, key2: number, key3: number, lengthBits: number): boolean {
    const words = this.#words;
    return (
      words[word] === key0 &&
      words[word + 1] === key1 &&
      words[word + 2] === key2 &&
      words[word + 3] === key3 &&
      words[word + KEY_WORDS]! >>> LENGTH_SHIFT === lengthBits
    );
  }

  #useLength(lengthBits: number): void {
    const words = this.#words;
    const count = words[Word.lengthCount]!;
    const last = Word.lengths + (count - 1) * LENGTH_WORDS;
    if (count > 0 && words[last] === lengthBits) return;
    const entry = last + LENGTH_WORDS;
    words[entry] = lengthBits;
    for (let index = 0; index < KEY_WORDS; index++) {
      const bits = Math.min(32, Math.max(0, lengthBits - index * 32));
      // A shift by 32 would be one by 0.
      words[entry + 1 + index] = bits === 0 ? 0 : -1 << (32 - bits);
    }
    words[Word.lengthCount] = count + 1;
  }
}

/** At most half full, so that probing ends soon. */
function slotCount(routes: number): number {
  let slots = MIN_SLOTS;
  while (slots < routes * 2) slots *= 2;
  return slots;
}

/** Words mixed one after the other, then the finalizer of MurmurHash3. */
function hash(key0: number, key1: number, key2: number, key3: number, lengthBits: number): number {
  let mixed = Math.imul(key0 ^ Math.imul(lengthBits, 0x9e37_79b1), 0xcc9e_2d51);
  mixed = Math.imul((mixed ^ (mixed >>> 15)) + key1, 0xcc9e_2d51);
  mixed = Math.imul((mixed ^ (mixed >>> 15)) + key2, 0xcc9e_2d51);
  mixed = Math.imul((mixed ^ (mixed >>> 15)) + key3, 0x85eb_ca6b);
  mixed ^= mixed >>> 13;
  mixed = Math.imul(mixed, 0xc2b2_ae35);
  return mixed ^ (mixed >>> 16);
}
