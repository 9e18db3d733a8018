/**
 * The order to the workers to take another underlay address. In shared memory, where a worker looks when it is woken: it
 * hears nothing else.
 */
import type { IpAddress } from '../../wire/address.ts';

/** Where the order stands. Shared by the main thread, which writes it, and all workers. */
export type UnderlayOrderMemory = Int32Array<SharedArrayBuffer>;

const Word = { sequence: 0, family: 1, address: 2 } as const;
const WORDS = 2 + 16;

/** Memory for one order, and none in it yet. */
export function createUnderlayOrderMemory(): UnderlayOrderMemory {
  return new Int32Array(new SharedArrayBuffer(WORDS * Int32Array.BYTES_PER_ELEMENT));
}

/** The main thread's side: the last order counts. */
export class UnderlayOrderWriter {
  readonly #memory: UnderlayOrderMemory;

  constructor(memory: UnderlayOrderMemory) {
    this.#memory = memory;
  }

  /** Returns the number of this order, by which a worker says that it has carried it out. */
  give(address: IpAddress): number {
    // Odd while it is written.
    const sequence = Atomics.load(this.#memory, Word.sequence) + 2;
    Atomics.store(this.#memory, Word.sequence, sequence - 1);
    Atomics.store(this.#memory, Word.family, address.family);
    address.bytes.forEach((byte, at) => Atomics.store(this.#memory, Word.address + at, byte));
    Atomics.store(this.#memory, Word.sequence, sequence);
    return sequence;
  }
}

/** An order, as a worker finds it. */
export interface UnderlayOrder {
  readonly sequence: number;
  readonly address: IpAddress;
}

/** A worker's side. */
export class UnderlayOrderReader {
  readonly #memory: UnderlayOrderMemory;
  #taken = 0;

  constructor(memory: UnderlayOrderMemory) {
    this.#memory = memory;
  }

  /** The order that was given since the last call, if there is one. */
  take(): UnderlayOrder | undefined {
    const sequence = Atomics.load(this.#memory, Word.sequence);
    if (sequence === this.#taken) return undefined;
    const family = Atomics.load(this.#memory, Word.family) === 6 ? 6 : 4;
    const bytes = Uint8Array.from({ length: family === 4 ? 4 : 16 }, (_, at) =>
      Atomics.load(this.#memory, Word.address + at),
    );
    // Whoever is writing wakes this worker when it is done.
    if (sequence % 2 === 1 || Atomics.load(this.#memory, Word.sequence) !== sequence) return undefined;
    this.#taken = sequence;
    return { sequence, address: { family, bytes } };
  }
}
