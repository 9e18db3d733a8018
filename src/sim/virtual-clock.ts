/** Time that moves from event to event. */
import type { Clock } from '../env/clock.ts';

const FIRST_CAPACITY = 1_024;

/**
 * A clock with a queue of events; those of one moment run in the order in which they were asked for.
 *
 * The queue is a binary heap in parallel arrays: an event costs no object but its action.
 */
export class VirtualClock implements Clock {
  #nowMs = 0;
  #serial = 0;
  #size = 0;
  #times = new Float64Array(FIRST_CAPACITY);
  /** Numbers in order of asking: they decide between equal times. */
  #serials = new Float64Array(FIRST_CAPACITY);
  readonly #actions: (() => void)[] = [];

  /** Events that ran so far. */
  eventsRun = 0;

  nowMs(): number {
    return this.#nowMs;
  }

  /** Events that wait. */
  get pending(): number {
    return this.#size;
  }

  after(delayMs: number, action: () => void): void {
    if (this.#size === this.#times.length) this.#grow();
    this.#rise(this.#size++, this.#nowMs + Math.max(0, delayMs), this.#serial++, action);
  }

  /** Lets `durationMs` pass, and runs what falls due. */
  advance(durationMs: number): void {
    const untilMs = this.#nowMs + durationMs;
    while (this.#size > 0 && this.#times[0]! <= untilMs) this.#runNext();
    this.#nowMs = untilMs;
  }

  /**
   * Lets time pass until `condition` holds, which is asked after every event; how many ms that took, or `undefined` if it
   * did not within `limitMs`.
   */
  advanceUntil(condition: () => boolean, limitMs: number): number | undefined {
    const startMs = this.#nowMs;
    while (!condition()) {
      if (this.#size === 0 || this.#times[0]! > startMs + limitMs) {
        this.#nowMs = startMs + limitMs;
        return undefined;
      }
      this.#runNext();
    }
    return this.#nowMs - startMs;
  }

  #runNext(): void {
    const action = this.#actions[0]!;
    this.#nowMs = this.#times[0]!;
    const last = --this.#size;
    const lastAction = this.#actions.pop()!;
    if (last > 0) this.#sink(this.#times[last]!, this.#serials[last]!, lastAction);
    this.eventsRun++;
    action();
  }

  /** Puts an event where it belongs on the way from the hole `index` to the root. */
  #rise(index: number, atMs: number, serial: number, action: () => void): void {
    const times = this.#times;
    let hole = index;
    while (hole > 0) {
      const parent = (hole - 1) >> 1;
      // A later serial never passes an earlier one: equal times stay in order.
      if (times[parent]! <= atMs) break;
      this.#move(parent, hole);
      hole = parent;
    }
    this.#put(hole, atMs, serial, action);
  }

  /** Puts an event where it belongs on the way from the root down. */
  #sink(atMs: number, serial: number, action: () => void): void {
    const times = this.#times;
    const serials = this.#serials;
    const size = this.#size;
    let hole = 0;
    for (;;) {
      let child = 2 * hole + 1;
      if (child >= size) break;
      let childMs = times[child]!;
      if (child + 1 < size) {
        const otherMs = times[child + 1]!;
        if (otherMs < childMs || (otherMs === childMs && serials[child + 1]! < serials[child]!)) {
          child++;
          childMs = otherMs;
        }
      }
      if (atMs < childMs || (atMs === childMs && serial < serials[child]!)) break;
      this.#move(child, hole);
      hole = child;
    }
    this.#put(hole, atMs, serial, action);
  }

  #move(from: number, to: number): void {
    this.#times[to] = this.#times[from]!;
    this.#serials[to] = this.#serials[from]!;
    this.#actions[to] = this.#actions[from]!;
  }

  #put(index: number, atMs: number, serial: number, action: () => void): void {
    this.#times[index] = atMs;
    this.#serials[index] = serial;
    this.#actions[index] = action;
  }

  #grow(): void {
    const times = new Float64Array(2 * this.#size);
    const serials = new Float64Array(2 * this.#size);
    times.set(this.#times);
    serials.set(this.#serials);
    this.#times = times;
    this.#serials = serials;
  }
}
