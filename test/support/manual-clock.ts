/** Time that moves only when it is told to. */
import type { Clock } from '../../src/env/clock.ts';

interface Event {
  readonly atMs: number;
  readonly serial: number;
  readonly action: () => void;
}

/** A clock with a queue of events; those of one moment run in the order in which they were asked for. */
export class ManualClock implements Clock {
  #nowMs = 0;
  #serial = 0;
  /** Binary heap, the next event first. */
  readonly #heap: Event[] = [];

  nowMs(): number {
    return this.#nowMs;
  }

  after(delayMs: number, action: () => void): void {
    const event = { atMs: this.#nowMs + Math.max(0, delayMs), serial: this.#serial++, action };
    let index = this.#heap.push(event) - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (isBefore(this.#heap[parent]!, event)) break;
      this.#heap[index] = this.#heap[parent]!;
      index = parent;
    }
    this.#heap[index] = event;
  }

  /** Lets `durationMs` pass, and runs what falls due. */
  advance(durationMs: number): void {
    const untilMs = this.#nowMs + durationMs;
    while (this.#heap.length > 0 && this.#heap[0]!.atMs <= untilMs) this.#runNext();
    this.#nowMs = untilMs;
  }

  /** Lets time pass until `condition` holds; how many ms that took, or `undefined` if it did not within `limitMs`. */
  advanceUntil(condition: () => boolean, limitMs: number): number | undefined {
    const startMs = this.#nowMs;
    while (!condition()) {
      if (this.#heap.length === 0 || this.#heap[0]!.atMs > startMs + limitMs) {
        this.#nowMs = startMs + limitMs;
        return undefined;
      }
      this.#runNext();
    }
    return this.#nowMs - startMs;
  }

  #runNext(): void {
    const next = this.#heap[0]!;
    const last = this.#heap.pop()!;
    if (this.#heap.length > 0) this.#sink(last);
    this.#nowMs = next.atMs;
    next.action();
  }

  #sink(event: Event): void {
    const heap = this.#heap;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++;
      if (isBefore(event, heap[child]!)) break;
      heap[index] = heap[child]!;
      index = child;
    }
    heap[index] = event;
  }
}

function isBefore(a: Event, b: Event): boolean {
  return a.atMs === b.atMs ? a.serial < b.serial : a.atMs < b.atMs;
}
