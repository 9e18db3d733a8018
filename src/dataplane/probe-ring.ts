/**
 * A bounded queue of small records in shared memory, with one thread that puts in and one that takes out. Neither locks or
 * waits: what does not fit is refused.
 *
 *     +---------+---------+------------------------------------+
 *     | taken   | put     | records of 5 words                 |
 *     +---------+---------+------------------------------------+
 *
 * `taken` and `put` count records modulo 2^32, and have a cache line each. A record is written before `put` is raised, and read
 * before `taken` is.
 *
 * Orders for probes go one way ({@link ProbeOrder}), what became of them comes the other way ({@link ProbeResult}).
 */

/** What a field of a record means, for orders: which peer to send how many bytes of inner IP packet, by which number. */
export const ProbeOrder = { peer: 0, sizeBytes: 1, sequence: 2 } as const;

/**
 * And for results: time from sending to the answer in microseconds, or {@link TOO_BIG}; requests that the peer has seen, 0 if
 * it does not say.
 */
export const ProbeResult = { peer: 0, sizeBytes: 1, sequence: 2, roundTripUs: 3, requestsSeen: 4 } as const;

/** In place of a round trip: this node's own kernel refused the datagram for its size. */
export const TOO_BIG = -1;

/** Words of a record. */
export const PROBE_RECORD_WORDS = 5;

const LINE_WORDS = 16;
const Word = { taken: 0, put: LINE_WORDS, records: 2 * LINE_WORDS } as const;

/** Memory that two threads share; it may be posted. */
export type ProbeRingMemory = Int32Array<SharedArrayBuffer>;

/** Memory for `capacity` records, a power of two. */
export function createProbeRingMemory(capacity: number): ProbeRingMemory {
  return new Int32Array(new SharedArrayBuffer((Word.records + capacity * PROBE_RECORD_WORDS) * 4));
}

/** A view of one ring. A thread only ever calls {@link put}, or only ever calls {@link take}. Nothing here allocates. */
export class ProbeRing {
  /** Index of the word of {@link memory} that {@link put} raises: whoever takes may wait for it to change. */
  static readonly PUT_WORD = Word.put;
  readonly memory: ProbeRingMemory;
  readonly #capacity: number;

  /** @throws RangeError if the memory is not one of {@link createProbeRingMemory}. */
  constructor(memory: ProbeRingMemory) {
    this.memory = memory;
    this.#capacity = (memory.length - Word.records) / PROBE_RECORD_WORDS;
    if (this.#capacity < 1 || (this.#capacity & (this.#capacity - 1)) !== 0) {
      throw new RangeError(`${this.#capacity} records are not a power of two`);
    }
  }

  /** Puts a record in, and wakes whoever waits for it. False, and nothing was done, if there is no room. */
  put(first: number, second: number, third: number, fourth = 0, fifth = 0): boolean {
    const memory = this.memory;
    const put = memory[Word.put]!;
    if (((put - Atomics.load(memory, Word.taken)) | 0) >= this.#capacity) return false;
    const at = this.#recordAt(put);
    memory[at] = first;
    memory[at + 1] = second;
    memory[at + 2] = third;
    memory[at + 3] = fourth;
    memory[at + 4] = fifth;
    Atomics.store(memory, Word.put, (put + 1) | 0);
    Atomics.notify(memory, Word.put);
    return true;
  }

  /** Takes the oldest record out, into `record`. False if there is none. */
  take(record: Int32Array): boolean {
    const memory = this.memory;
    const taken = memory[Word.taken]!;
    if (taken === Atomics.load(memory, Word.put)) return false;
    const at = this.#recordAt(taken);
    for (let word = 0; word < PROBE_RECORD_WORDS; word++) record[word] = memory[at + word]!;
    Atomics.store(memory, Word.taken, (taken + 1) | 0);
    return true;
  }

  /** Whether a record is there to be taken. */
  get hasRecords(): boolean {
    return this.memory[Word.taken] !== Atomics.load(this.memory, Word.put);
  }

  #recordAt(count: number): number {
    return Word.records + (count & (this.#capacity - 1)) * PROBE_RECORD_WORDS;
  }
}
