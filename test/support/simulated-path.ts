/** A path to one peer in virtual time: it clips, loses, takes its time, and may change while somebody searches. */
import { FIRST_PROBE_DELAY_MS, PathTable } from '../../src/paths/path-table.ts';
import { ManualClock } from './manual-clock.ts';
import { SeededRandom } from '../../src/sim/seeded-random.ts';

/** Number of the peer at the other end. */
export const PEER = 7;

export interface PathConditions {
  /** Largest inner packet that passes towards the peer, in bytes. */
  clipBytes: number;
  /** Share of packets that is lost, in each direction. */
  loss: number;
  /** There and back, in ms, and by how much that varies. */
  roundTripMs: number;
  jitterMs: number;
  /** Whether answers come back at all. */
  isAnswering: boolean;
  /** Larger ones are refused at once by this node's own kernel. */
  deviceBytes: number;
}

export interface SimulatedPathOptions extends Partial<PathConditions> {
  readonly seed?: number;
  readonly ceilingBytes?: number;
  readonly overheadBytes?: number;
}

/** The table with one peer, and the path to it. */
export class SimulatedPath {
  readonly clock = new ManualClock();
  readonly conditions: PathConditions;
  readonly table: PathTable;
  /** Sizes in the order in which they were probed. */
  readonly probed: number[] = [];
  /** Raised by hand, or all the time: see {@link converse}. */
  traffic = 0;
  changes = 0;
  readonly #random: SeededRandom;
  readonly #options: SimulatedPathOptions;

  constructor(options: SimulatedPathOptions = {}) {
    this.#options = options;
    this.#random = new SeededRandom(options.seed ?? 1);
    const defaults = {
      clipBytes: 1450,
      loss: 0,
      roundTripMs: 1,
      jitterMs: 0,
      isAnswering: true,
      deviceBytes: Infinity,
    };
    this.conditions = { ...defaults, ...options };
    this.table = new PathTable({
      clock: this.clock,
      random: this.#random,
      send: (_peer, sizeBytes, sequence) => this.#carry(sizeBytes, sequence),
      traffic: () => this.traffic,
      onChange: () => this.changes++,
    });
    this.table.start();
  }

  /** The peer appears, or is another place or size now. The first time, its first probe is due. */
  appear(place = 'here', ceilingBytes = this.#options.ceilingBytes ?? 1450): void {
    const { overheadBytes = 50 } = this.#options;
    const isKnown = this.table.stateOf(PEER) !== undefined;
    this.table.update([{ peer: PEER, place, ceilingBytes, overheadBytes }]);
    if (!isKnown) this.clock.advance(FIRST_PROBE_DELAY_MS);
  }

  get mtuBytes(): number {
    return this.table.stateOf(PEER)!.mtuBytes;
  }

  /** Lets time pass with a packet of a pod every 100 ms. */
  converse(durationMs: number): void {
    for (let passedMs = 0; passedMs < durationMs; passedMs += 100) {
      this.traffic++;
      this.clock.advance(100);
    }
  }

  /** As {@link converse}, until the path MTU is `mtuBytes`; how many ms that took, `undefined` beyond the limit. */
  converseUntil(mtuBytes: number, limitMs: number): number | undefined {
    for (let passedMs = 0; passedMs <= limitMs; passedMs += 20) {
      if (this.mtuBytes === mtuBytes) return passedMs;
      this.traffic++;
      this.clock.advance(20);
    }
    return undefined;
  }

  #carry(sizeBytes: number, sequence: number): void {
    this.probed.push(sizeBytes);
    const { clipBytes, loss, roundTripMs, jitterMs, isAnswering, deviceBytes } = this.conditions;
    if (sizeBytes > deviceBytes) {
      this.clock.after(0, () => this.table.refused(sequence));
      return;
    }
    if (sizeBytes > clipBytes || !isAnswering) return;
    if (this.#random.fraction() < loss || this.#random.fraction() < loss) return;
    const takesMs = roundTripMs + jitterMs * this.#random.fraction();
    this.clock.after(takesMs, () => this.table.answered(sequence, takesMs));
  }
}
