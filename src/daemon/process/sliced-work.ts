/**
 * Work of the main thread that may be long, as there may be thousands of whatever it is about: gossip must not wait for it. It is done in
 * slices, and for no longer than {@link MAX_WORK_MS} in all.
 */
import { setImmediate } from 'node:timers/promises';

/** How long the main thread is taken at a time, in ms. */
const SLICE_MS = 4;

/** How long it is taken in all, in ms: what 1 000 policies say of 5 000 pods takes some tens. */
export const MAX_WORK_MS = 1_000;

export class SlicedWork {
  readonly #nowMs: () => number;
  #workedMs = 0;

  /** @param nowMs monotonic, in ms */
  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** Whether there is no time left for more. */
  get isOver(): boolean {
    return this.#workedMs >= MAX_WORK_MS;
  }

  /** Takes as many steps as there is time for. @param steps `undefined`: nothing is found yet, after some work */
  async take<Found>(steps: Iterable<Found | undefined>, found: (one: Found) => void): Promise<void> {
    let beginMs = this.#nowMs();
    for (const one of steps) {
      if (one !== undefined) found(one);
      const sliceMs = this.#nowMs() - beginMs;
      if (sliceMs < SLICE_MS) continue;
      this.#workedMs += sliceMs;
      if (this.isOver) return;
      await setImmediate();
      beginMs = this.#nowMs();
    }
    this.#workedMs += this.#nowMs() - beginMs;
  }
}
