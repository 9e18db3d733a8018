/**
 * Between the main thread and the workers, for path probes: orders one way, results the other. Each worker has a ring for
 * either; the first worker gets all orders, and answers arrive wherever the kernel puts them.
 */
import {
  createProbeRingMemory,
  PROBE_RECORD_WORDS,
  ProbeResult,
  ProbeRing,
  type ProbeRingMemory,
  TOO_BIG,
} from '../../dataplane/probe-ring.ts';

/** A worker's two rings. */
export interface ProbeRings {
  /** See `ProbeOrder`. */
  readonly orders: ProbeRingMemory;
  /** See `ProbeResult`. */
  readonly results: ProbeRingMemory;
}

interface ProbeOrderRecord {
  readonly peer: number;
  readonly sizeBytes: number;
  readonly sequence: number;
}

/** What became of a probe. One of which nobody hears was lost. */
export interface ProbeListener {
  /** @param requestsSeen see `requestsSeen` of `wire/path-probe.ts`; `undefined` if the peer does not say. */
  answered(peer: number, sequence: number, roundTripMs: number, requestsSeen: number | undefined): void;
  /** This node's own kernel refused it for its size. */
  refused(peer: number, sequence: number): void;
}

/** Records per ring: when as many peers appear at once, some probes are lost, and repeated. */
const CAPACITY = 4_096;

const US_PER_MS = 1_000;

export class ProbeChannel {
  /** Per worker. */
  readonly rings: readonly ProbeRings[];
  readonly #orders: ProbeRing;
  readonly #wake: () => void;
  #waiting: ProbeOrderRecord[] = [];
  #isHeld = false;
  #isClosed = false;

  /** @param wake called when there are new orders, to wake the first worker. */
  constructor(workers: number, wake: () => void) {
    this.rings = Array.from({ length: workers }, () => ({
      orders: createProbeRingMemory(CAPACITY),
      results: createProbeRingMemory(CAPACITY),
    }));
    this.#orders = new ProbeRing(this.rings[0]!.orders);
    this.#wake = wake;
  }

  /**
   * Has a probe sent, soon: `sizeBytes` is counted from the inner IP header. What finds no room is lost.
   *
   * All orders of one moment go together, and not before the workers know the peers of that moment.
   */
  order(peer: number, sizeBytes: number, sequence: number): void {
    if (this.#waiting.push({ peer, sizeBytes, sequence }) === 1) queueMicrotask(() => this.#flush());
  }

  /** Keeps orders back until {@link release}: the workers are about to hear of other peers. */
  hold(): void {
    this.#isHeld = true;
  }

  /** Lets orders go again. */
  release(): void {
    this.#isHeld = false;
    this.#flush();
  }

  /** Tells `listener` what becomes of probes, until {@link close}. */
  listen(listener: ProbeListener): void {
    for (const { results } of this.rings) void this.#pass(new ProbeRing(results), listener);
  }

  /** Nobody hears of anything any more. */
  close(): void {
    this.#isClosed = true;
    for (const { results } of this.rings) Atomics.notify(results, ProbeRing.PUT_WORD);
  }

  #flush(): void {
    if (this.#isHeld || this.#isClosed || this.#waiting.length === 0) return;
    for (const { peer, sizeBytes, sequence } of this.#waiting) this.#orders.put(peer, sizeBytes, sequence, 0);
    this.#waiting = [];
    this.#wake();
  }

  async #pass(ring: ProbeRing, listener: ProbeListener): Promise<void> {
    const record = new Int32Array(PROBE_RECORD_WORDS);
    while (!this.#isClosed) {
      // Read before the ring is emptied: what comes in meanwhile ends the wait at once.
      const seen = Atomics.load(ring.memory, ProbeRing.PUT_WORD);
      while (ring.take(record)) report(record, listener);
      const wait = Atomics.waitAsync(ring.memory, ProbeRing.PUT_WORD, seen);
      if (wait.async) await wait.value;
    }
  }
}

function report(record: Int32Array, listener: ProbeListener): void {
  const peer = record[ProbeResult.peer]!;
  const sequence = record[ProbeResult.sequence]! >>> 0;
  const roundTripUs = record[ProbeResult.roundTripUs]!;
  if (roundTripUs === TOO_BIG) listener.refused(peer, sequence);
  else
    listener.answered(
      peer,
      sequence,
      (roundTripUs >>> 0) / US_PER_MS,
      record[ProbeResult.requestsSeen]! >>> 0 || undefined,
    );
}
