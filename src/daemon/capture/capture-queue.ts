/** What a capture wrote and nobody read yet. Bounded by whoever fills it: it asks whether there is room. */

/** Enough for what comes in while a reader is scheduled once. */
const ROOM_BYTES = 1_048_576;

/** Largest chunk that is given out: one record of a connection between nodes. */
export const MAX_CHUNK_BYTES = 65_536;

type Chunk = IteratorResult<Uint8Array, undefined>;

export class CaptureQueue implements AsyncIterableIterator<Uint8Array> {
  readonly #chunks: Uint8Array[] = [];
  readonly #onAbandon: () => void;
  #waiting: ((chunk: Chunk) => void) | undefined;
  #sizeBytes = 0;
  #isEnded = false;
  #current = new Uint8Array(MAX_CHUNK_BYTES);
  #usedBytes = 0;

  /** @param onAbandon called once when the reader wants no more. */
  constructor(onAbandon: () => void) {
    this.#onAbandon = onAbandon;
  }

  /** Whether there is room for more. What is written without is kept all the same. */
  get hasRoom(): boolean {
    return this.#sizeBytes < ROOM_BYTES;
  }

  /** Takes a copy. */
  write(bytes: Uint8Array): void {
    if (this.#isEnded) return;
    for (let at = 0; at < bytes.length;) {
      const count = Math.min(bytes.length - at, MAX_CHUNK_BYTES - this.#usedBytes);
      this.#current.set(bytes.subarray(at, at + count), this.#usedBytes);
      this.#usedBytes += count;
      at += count;
      if (this.#usedBytes === MAX_CHUNK_BYTES) this.flush();
    }
  }

  /** Lets the reader have what was written so far. */
  flush(): void {
    if (this.#usedBytes === 0) return;
    const isFull = this.#usedBytes === MAX_CHUNK_BYTES;
    this.#push(isFull ? this.#current : this.#current.slice(0, this.#usedBytes));
    if (isFull) this.#current = new Uint8Array(MAX_CHUNK_BYTES);
    this.#usedBytes = 0;
  }

  /** There will be no more; what is there is still read. */
  end(): void {
    if (this.#isEnded) return;
    this.flush();
    this.#isEnded = true;
    this.#waiting?.({ done: true, value: undefined });
    this.#waiting = undefined;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<Chunk> {
    const chunk = this.#chunks.shift();
    if (chunk !== undefined) {
      this.#sizeBytes -= chunk.length;
      return { done: false, value: chunk };
    }
    if (this.#isEnded) return { done: true, value: undefined };
    return await new Promise((resolve) => (this.#waiting = resolve));
  }

  /** The reader wants no more. */
  async return(): Promise<Chunk> {
    const isNews = !this.#isEnded;
    this.end();
    this.#chunks.length = 0;
    this.#sizeBytes = 0;
    if (isNews) this.#onAbandon();
    return await Promise.resolve({ done: true, value: undefined });
  }

  #push(chunk: Uint8Array): void {
    if (this.#waiting !== undefined) {
      this.#waiting({ done: false, value: chunk });
      this.#waiting = undefined;
      return;
    }
    this.#chunks.push(chunk);
    this.#sizeBytes += chunk.length;
  }
}
