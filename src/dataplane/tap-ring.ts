/**
 * The ring through which a tap's records leave a worker: one writer, one reader, and neither waits for the other.
 *
 *     |     free     | records that wait ......... |    free    |
 *                    ^ tail: the reader            ^ head: the writer
 *
 * A record lies in one piece: where it does not fit before the end of the ring, a record of length 0 sends the reader to the
 * start. What finds no room is lost, and counted: a capture may not slow down what it looks at. Positions only grow, modulo
 * 2^32, and everything that the writer remembers is in the shared memory, so that another writer may go on after it.
 */
import { TAP_HEADER_BYTES, TapField } from './tap-record.ts';

/** Shared by the worker that writes and whoever reads; it may be posted. */
export type TapRingMemory = SharedArrayBuffer;

/** Words of the head. The writer's and the reader's are in cache lines of their own. */
const Word = { head: 0, lost: 1, tail: 16, asleep: 17 } as const;
const HEAD_BYTES = 128;
const ALIGNMENT = 8;
const MIN_BYTES = 4096;
const MAX_BYTES = 2 ** 30;

/**
 * Memory for a ring of `lengthBytes` bytes, a power of two from 4 KiB to 1 GiB: a record that takes more than half of it
 * never fits, and a super-packet takes up to 66 000 bytes.
 *
 * @throws RangeError
 */
export function createTapRingMemory(lengthBytes: number): TapRingMemory {
  if (lengthBytes < MIN_BYTES || lengthBytes > MAX_BYTES || (lengthBytes & (lengthBytes - 1)) !== 0) {
    throw new RangeError(`${lengthBytes} bytes are no power of two from ${MIN_BYTES} to ${MAX_BYTES}`);
  }
  return new SharedArrayBuffer(HEAD_BYTES + lengthBytes);
}

/** The worker's side. Nothing here allocates. */
export class TapRingWriter {
  /** Where records are written, and the same as 32-bit words. */
  readonly bytes: Uint8Array;
  readonly words: Int32Array;
  readonly #control: Int32Array;
  readonly #mask: number;
  /** Of the record in hand: where the next one will begin. */
  #next = 0;

  constructor(memory: TapRingMemory) {
    this.bytes = new Uint8Array(memory, HEAD_BYTES);
    this.words = new Int32Array(memory, HEAD_BYTES);
    this.#control = new Int32Array(memory, 0, HEAD_BYTES / 4);
    this.#mask = this.bytes.length - 1;
  }

  /** Records that found no room since the ring was made, modulo 2^32. */
  get lost(): number {
    return this.#control[Word.lost]! >>> 0;
  }

  /**
   * Room for a record of `lengthBytes` bytes, its header included: where in {@link bytes} it is, its length written already,
   * or -1 if there is none, and then it was counted as lost. Nobody sees it before {@link commit}; without that, the next
   * call gives the same room again.
   */
  reserve(lengthBytes: number): number {
    const control = this.#control;
    const recordBytes = (lengthBytes + ALIGNMENT - 1) & -ALIGNMENT;
    const head = control[Word.head]!;
    const used = (head - Atomics.load(control, Word.tail)) >>> 0;
    const size = this.#mask + 1;
    let at = head & this.#mask;
    let skipped = 0;
    if (at + recordBytes > size) {
      skipped = size - at;
      if (used + skipped + recordBytes <= size) this.words[(at + TapField.recordBytes) >> 2] = 0;
      at = 0;
    }
    if (used + skipped + recordBytes > size) {
      control[Word.lost] = (control[Word.lost]! + 1) | 0;
      return -1;
    }
    this.words[(at + TapField.recordBytes) >> 2] = recordBytes;
    this.#next = (head + skipped + recordBytes) | 0;
    return at;
  }

  /** Gives the record that was reserved last to the reader, and wakes it if it sleeps. */
  commit(): void {
    const control = this.#control;
    Atomics.store(control, Word.head, this.#next);
    // In this order here, and the other way round in sleep(): one of the two always sees the other.
    if (Atomics.load(control, Word.asleep) !== 0) wake(control);
  }
}

/** A record where it lies: `at` is an offset into `bytes`. Valid until the reader goes on. */
export interface TapView {
  readonly bytes: Uint8Array;
  readonly at: number;
}

/** The reader's side. Nothing here allocates, but for a sleep. */
export class TapRingReader {
  readonly #view: { readonly bytes: Uint8Array; at: number };
  readonly #words: Int32Array;
  readonly #control: Int32Array;
  readonly #mask: number;
  #isAsleep = false;
  #onWake: () => void = () => undefined;

  constructor(memory: TapRingMemory) {
    const bytes = new Uint8Array(memory, HEAD_BYTES);
    this.#view = { bytes, at: 0 };
    this.#words = new Int32Array(memory, HEAD_BYTES);
    this.#control = new Int32Array(memory, 0, HEAD_BYTES / 4);
    this.#mask = bytes.length - 1;
  }

  /** Records that found no room since the ring was made, modulo 2^32. */
  get lost(): number {
    return Atomics.load(this.#control, Word.lost) >>> 0;
  }

  /** The next record, whole, or `undefined` if there is none. One object for all of them. */
  peek(): TapView | undefined {
    const control = this.#control;
    const head = Atomics.load(control, Word.head);
    for (;;) {
      const tail = control[Word.tail]!;
      if (tail === head) return undefined;
      const at = tail & this.#mask;
      if (this.#words[(at + TapField.recordBytes) >> 2] !== 0) {
        this.#view.at = at;
        return this.#view;
      }
      Atomics.store(control, Word.tail, (tail + this.#mask + 1 - at) | 0);
    }
  }

  /** Gives back the room of the record that {@link peek} showed. */
  advance(): void {
    const control = this.#control;
    const tail = control[Word.tail]!;
    const recordBytes = this.#words[((tail & this.#mask) + TapField.recordBytes) >> 2]!;
    Atomics.store(control, Word.tail, (tail + Math.max(recordBytes, TAP_HEADER_BYTES)) | 0);
  }

  /**
   * Has `onWake` called, once, when there is a record or {@link wake} is called, or now and then for nothing. Of several that
   * wait the last one is called. False, and nobody is called, if there is a record already.
   */
  sleep(onWake: () => void): boolean {
    const control = this.#control;
    this.#onWake = onWake;
    if (this.#isAsleep) return true;
    Atomics.store(control, Word.asleep, 1);
    if (Atomics.load(control, Word.head) !== control[Word.tail]) {
      Atomics.store(control, Word.asleep, 0);
      return false;
    }
    const { async: isAsleep, value } = Atomics.waitAsync(control, Word.asleep, 1);
    // The writer was faster.
    if (!isAsleep) return false;
    this.#isAsleep = true;
    void value.then(() => this.#woken());
    return true;
  }

  /** Ends a {@link sleep}. One that nobody ends keeps the ring's memory. */
  wake(): void {
    wake(this.#control);
  }

  #woken(): void {
    this.#isAsleep = false;
    this.#onWake();
  }
}

function wake(control: Int32Array): void {
  Atomics.store(control, Word.asleep, 0);
  Atomics.notify(control, Word.asleep);
}
