/**
 * How often a pod whose cable is gone gets another one by itself. A pod is root in its namespace, and may delete its end as often
 * as it likes: to answer each time would keep the node busy for it.
 */

/** How often a pod is connected again without waiting. */
const AT_ONCE = 3;

/** How long to wait before the next time, in ms; twice as long each time after that. */
const FIRST_WAIT_MS = 5_000;

/** Longest wait, in ms. After as long without a connection that was lost, nothing counts any more. */
const LONGEST_WAIT_MS = 300_000;

interface Connections {
  times: number;
  lastMs: number;
}

export class ReconnectPace {
  readonly #nowMs: () => number;
  /** By key. */
  readonly #pods = new Map<string, Connections>();

  /** @param nowMs any clock that does not jump. */
  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** How long the pod has to wait, in ms: 0 if it may be connected now. */
  waitMs(key: string): number {
    const known = this.#pods.get(key);
    if (known === undefined || known.times < AT_ONCE) return 0;
    const wait = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** (known.times - AT_ONCE));
    return Math.max(0, known.lastMs + wait - this.#nowMs());
  }

  /** Notes that the pod was connected again. */
  connected(key: string): void {
    const nowMs = this.#nowMs();
    for (const [other, { lastMs }] of this.#pods) if (nowMs - lastMs > 2 * LONGEST_WAIT_MS) this.#pods.delete(other);
    const times = (this.#pods.get(key)?.times ?? 0) + 1;
    this.#pods.set(key, { times, lastMs: nowMs });
  }

  /** How often it was, of late. */
  times(key: string): number {
    return this.#pods.get(key)?.times ?? 0;
  }
}
